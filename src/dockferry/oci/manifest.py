"""Manifest and index: the documents that list an image's blobs, and the choice of a platform among them.

OCI image spec manifest.md and image-index.md; Docker Registry v2 schema 2 and manifest list.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple, Union

from ..errors import ContentError, NotFoundError
from ..message import Message
from ..text import clean
from .descriptor import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA1,
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from .digest import Digest
from .platform import Platform
from .strict_json import parse_object, refuse_lookalikes

MAX_MANIFESTS = 1000
"""In one index."""
MAX_LAYERS = 10_000
"""In one manifest: engines stop far below (127)."""
_KEYS = frozenset(
    (
        "annotations",
        "artifactType",
        "config",
        "fsLayers",
        "layers",
        "manifests",
        "mediaType",
        "schemaVersion",
        "subject",
    )
)
IMAGE_CONFIG_TYPES = (OCI_CONFIG, DOCKER_CONFIG)


class Manifest(NamedTuple):
    """One platform's image: `raw` as served, its `config` and its `layers`, lowest first."""

    raw: bytes
    media_type: str
    digest: Digest
    config: Descriptor
    layers: Tuple[Descriptor, ...]

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.raw))

    @property
    def is_image(self) -> bool:
        """False for other artifacts (charts, signatures), which no engine runs."""
        return self.config.media_type in IMAGE_CONFIG_TYPES


class Index(NamedTuple):
    """Several platforms' images: `raw` as served and its `entries`, in order."""

    raw: bytes
    media_type: str
    digest: Digest
    entries: Tuple[Descriptor, ...]

    @property
    def images(self) -> Tuple[Descriptor, ...]:
        """The entries that are images: attestations are passed over."""
        return tuple(entry for entry in self.entries if not entry.is_attestation)

    def choose(self, platform: Platform, what: str) -> Descriptor:
        """The entry that `platform` runs best. Raises NotFoundError with the list of what there is."""
        scored = [
            (platform.runs(entry.platform), -place)
            for place, entry in enumerate(self.images)
            if entry.platform is not None
        ]
        score, place = max(scored, default=(0, 0))
        if score:
            return self.images[-place]
        if len(self.images) == 1 and self.images[0].platform is None:
            return self.images[0]
        have = ", ".join(sorted({str(entry.platform) for entry in self.images if entry.platform}))
        raise NotFoundError(
            "{}: wanted platform {}, got only {}",
            what,
            platform,
            clean(have, 600) or Message("entries without a platform"),
            remedy="choose one with --platform",
        )


class ImageConfig(NamedTuple):
    """What dockferry needs of an image's config: `raw` is what engines get."""

    raw: bytes
    platform: Platform
    diff_ids: Tuple[Digest, ...]
    settings: Dict[str, Any]
    """The `config` object (Env, Cmd, Entrypoint, Labels, …) as parsed."""


def parse_manifest(raw: bytes, content_type: str, what: str) -> Union[Manifest, Index]:
    """The document in `raw`; `content_type` is the reply's header, believed only where it names a manifest type.

    Raises ContentError, naming `what`, for schema 1, for ambiguous documents (CVE-2021-41190) and for anything
    malformed.
    """
    document = parse_object(raw, what)
    media_type = _media_type(document, content_type.partition(";")[0].strip().lower(), what)
    digest = Digest.of(raw)
    if media_type in INDEX_TYPES:
        entries = _descriptors(document, "manifests", what)
        return Index(raw, media_type, digest, entries)
    config = Descriptor.from_json(document.get("config"), Message("{}: {}", what, "config"))
    return Manifest(raw, media_type, digest, config, _descriptors(document, "layers", what))


def parse_config(raw: bytes, what: str) -> ImageConfig:
    """The image config in `raw` (OCI image spec, config.md). Raises ContentError."""
    document = parse_object(raw, what)
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    diff_ids = [] if diff_ids is None else diff_ids
    settings = document.get("config")
    settings = {} if settings is None else settings
    if not isinstance(diff_ids, list) or not isinstance(settings, dict):
        raise ContentError("{}: wanted an image config, got another document", what)
    return ImageConfig(
        raw=raw,
        platform=Platform.from_json(document, what),
        diff_ids=tuple(Digest.parse(value, Message("{}: {}", what, "diff_ids")) for value in diff_ids),
        settings=settings,
    )


def _media_type(document: Dict[str, Any], header: str, what: str) -> str:
    refuse_lookalikes(document, _KEYS, what)
    is_schema1 = document.get("schemaVersion") == 1 or document.get("mediaType") in DOCKER_SCHEMA1
    if is_schema1 or "fsLayers" in document:
        raise ContentError(
            "{}: wanted a schema 2 manifest, got Docker schema 1, which was retired in 2017",
            what,
            remedy="push the image again with a current engine, or ask for a newer tag",
        )
    if type(document.get("schemaVersion")) is not int or document.get("schemaVersion") != 2:
        raise ContentError("{}: wanted schemaVersion 2, got {}", what, clean(repr(document.get("schemaVersion")), 40))
    if "manifests" in document and ("layers" in document or "config" in document):
        raise ContentError("{}: ambiguous: both an index and a manifest in one document", what)
    shape = "index" if "manifests" in document else "manifest"
    known = {"index": INDEX_TYPES, "manifest": MANIFEST_TYPES}[shape]
    claimed = document.get("mediaType")
    if claimed is not None and claimed not in known:
        raise ContentError("{}: wanted the type of an {}, got {}", what, shape, clean(repr(claimed), 120))
    if header in INDEX_TYPES + MANIFEST_TYPES:
        if claimed not in (None, header):
            raise ContentError("{}: the header says {}, the document says {}", what, header, claimed)
        if header not in known:
            raise ContentError("{}: the header says {}, the document is an {}", what, header, shape)
    if claimed is not None:
        return str(claimed)
    if header in known:
        return header
    return _guess(document, shape)


def _guess(document: Dict[str, Any], shape: str) -> str:
    """Neither the document nor the header names a type: OCI makes it optional, Docker does not."""
    config: object = document.get("config")
    docker = isinstance(config, dict) and config.get("mediaType") == DOCKER_CONFIG
    if shape == "index":
        return OCI_INDEX
    return DOCKER_MANIFEST if docker else OCI_MANIFEST


def _descriptors(document: Dict[str, Any], key: str, what: str) -> Tuple[Descriptor, ...]:
    values: Optional[Sequence[object]] = document.get(key)
    if key in document and values is None:
        return ()  # how Go writes a list of nothing
    if not isinstance(values, list):
        raise ContentError("{}: wanted a list of {}, got {}", what, key, type(values).__name__)
    most = MAX_MANIFESTS if key == "manifests" else MAX_LAYERS
    if len(values) > most:
        raise ContentError("{}: wanted at most {} {}, got {}", what, most, key, len(values))
    found = tuple(
        Descriptor.from_json(value, Message("{}: {}", what, f"{key}[{place}]")) for place, value in enumerate(values)
    )
    sizes: Dict[Digest, int] = {}
    for one in found:
        if sizes.setdefault(one.digest, one.size) != one.size:
            raise ContentError("{}: {} stands twice with different sizes", what, one.digest)
    return found
