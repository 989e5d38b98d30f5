"""Inspection: what an image is, in one value, whether it stands in an archive or in a registry."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, Optional, Sequence, Tuple, Union

from ..archive.reader import open_archive
from ..archive.stored import StoredImage
from ..errors import remedied
from ..events import OnEvent, ignore
from ..message import Message
from ..oci.manifest import ImageConfig, Index, Manifest
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..oci.strict_json import parse_object
from ..registry.access import Access
from ..text import clean
from ..transfer.retry import RetryPolicy
from .places import Places
from .resolve import Resolver


@dataclass(frozen=True)
class LayerSummary:
    """`size` in bytes, as stored. `digest` is None in a docker-archive, `diff_id` in an artifact."""

    digest: Optional[str]
    diff_id: Optional[str]
    size: int
    media_type: str


@dataclass(frozen=True)
class ImageSummary:
    """`size` is that of the layers and the config, each blob once. `platforms` are all that there are under `name`.

    `digest` is the manifest's, or in a docker-archive the config's. `created` is as the config says it (RFC 3339) or
    empty; `settings` its `config` object, as parsed: clean its texts before they are shown.
    """

    name: str
    digest: str
    platform: str
    created: str
    layers: Tuple[LayerSummary, ...]
    size: int
    settings: Dict[str, Any]
    platforms: Tuple[str, ...]

    @classmethod
    def of_manifest(
        cls, name: str, manifest: Manifest, config: Optional[ImageConfig], platforms: Tuple[Platform, ...] = ()
    ) -> ImageSummary:
        """From a manifest and its config (None for an artifact)."""
        diff_ids: Tuple[Optional[str], ...] = tuple(str(one) for one in config.diff_ids) if config else ()
        if len(diff_ids) != len(manifest.layers):
            diff_ids = (None,) * len(manifest.layers)
        layers = tuple(
            LayerSummary(str(layer.digest), diff_id, layer.size, layer.media_type)
            for layer, diff_id in zip(manifest.layers, diff_ids)
        )
        return _summary(name, str(manifest.digest), config, layers, manifest.config.size, platforms)

    def to_json(self) -> Dict[str, Any]:
        return asdict(self)


def inspect_archive(path: Union[str, Path]) -> Tuple[ImageSummary, ...]:
    """The images in an archive or layout directory, in its order. Raises ContentError, DiskError."""
    with remedied(Message("copy it again, or pull it with --force")), open_archive(path) as archive:
        platforms: Dict[str, Tuple[Platform, ...]] = {}
        for image in archive.images:
            if image.platform is not None:
                platforms[_name(image)] = (*platforms.get(_name(image), ()), image.platform)
        return tuple(_of_stored(image, platforms.get(_name(image), ())) for image in archive.images)


def inspect_image(
    image: str,
    *,
    mirrors: Sequence[str] = (),
    with_origin: bool = False,
    trust: Optional[str] = None,
    platform: Optional[str] = None,
    access: Optional[Access] = None,
    retry: Optional[RetryPolicy] = None,
    on_event: OnEvent = ignore,
) -> ImageSummary:
    """The image that `image` names: its documents are fetched, no layer. The sources are those of `pull`.

    Raises UsageError, NotFoundError, AuthError, NetworkError, ContentError.
    """
    reference = Reference.parse(image)
    wanted = Platform.parse(platform) if platform else Platform.of_host()
    places = Places(tuple(mirrors), with_origin, trust)
    with Resolver(reference, places, access or Access(), on_event, retry) as resolver:
        top = resolver.top(wanted)
        found = resolver.image(top, wanted, platform is not None)
    document = top.document
    entries = document.images if isinstance(document, Index) else ()
    platforms = tuple(entry.platform for entry in entries if entry.platform) or (
        (found.platform,) if found.platform else ()
    )
    return ImageSummary.of_manifest(reference.familiar, found.manifest, found.config, platforms)


def _of_stored(image: StoredImage, platforms: Tuple[Platform, ...]) -> ImageSummary:
    if image.manifest is not None:
        return ImageSummary.of_manifest(_name(image), image.manifest, image.config, platforms)
    layers = tuple(
        LayerSummary(str(layer.digest) if layer.digest else None, str(layer.diff_id), layer.size, layer.media_type)
        for layer in image.layers
    )
    config_size = len(image.config.raw) if image.config else 0
    return _summary(_name(image), str(image.digest), image.config, layers, config_size, platforms)


def _summary(
    name: str,
    digest: str,
    config: Optional[ImageConfig],
    layers: Tuple[LayerSummary, ...],
    config_size: int,
    platforms: Tuple[Platform, ...],
) -> ImageSummary:
    created = parse_object(config.raw, name).get("created") if config else None
    sizes = {layer.digest or layer.diff_id: layer.size for layer in layers}
    return ImageSummary(
        name=name,
        digest=digest,
        platform=str(config.platform) if config else "",
        created=clean(created, 64) if isinstance(created, str) else "",
        layers=layers,
        size=sum(sizes.values()) + config_size,
        settings=config.settings if config else {},
        platforms=tuple(dict.fromkeys(str(one) for one in platforms)),
    )


def _name(image: StoredImage) -> str:
    """As a user would type it; a bare tag as it stands; empty where the archive gives no name."""
    if image.references:
        return image.references[0].familiar
    return image.names[0] if image.names else ""
