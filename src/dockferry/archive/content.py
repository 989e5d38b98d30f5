"""Content: one image as it goes into an archive: its proved documents and the blobs that are still to come."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

from ..errors import ContentError
from ..message import Message
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..oci.manifest import Manifest, parse_config
from ..oci.platform import Platform
from ..oci.reference import Reference


class Content(NamedTuple):
    """`config` is raw. `name` is the image's own, never a mirror's: a tag if there is one, else a digest.

    `blobs` are the layers to fetch, each once, in the manifest's order; `platform` is None where the config has none.
    """

    name: Reference
    manifest: Manifest
    config: bytes
    platform: Optional[Platform]
    blobs: Tuple[Descriptor, ...]

    @classmethod
    def of(cls, manifest: Manifest, config: bytes, reference: Reference) -> Content:
        """Raises ContentError when `config` is not what the manifest names, or when sizes contradict each other."""
        what = Message("config of {}", reference.familiar)
        wanted = manifest.config
        if len(config) != wanted.size:
            raise ContentError("{}: wanted {} bytes, got {}", what, wanted.size, len(config))
        got = Digest.of(config, wanted.digest.algorithm)
        if got != wanted.digest:
            raise ContentError("{}: wanted {}, got {}", what, wanted.digest, got)
        platform = None
        if manifest.is_image:
            said = parse_config(config, what).platform
            platform = said if said.os and said.architecture else None
        name = Reference(reference.registry, reference.repository, reference.tag)
        if not reference.tag:
            name = name.pinned(reference.digest or manifest.digest)
        return cls(name, manifest, config, platform, _missing(manifest))


def _missing(manifest: Manifest) -> Tuple[Descriptor, ...]:
    """Each layer once, but for one that is the config again, as artifacts with an empty blob have it."""
    sizes = {manifest.digest: len(manifest.raw), manifest.config.digest: manifest.config.size}
    found = []
    for layer in manifest.layers:
        if layer.digest not in sizes:
            sizes[layer.digest] = layer.size
            found.append(layer)
        elif sizes[layer.digest] != layer.size:
            raise ContentError(
                "manifest {}: wanted one size for {}, got {} and {} bytes",
                manifest.digest,
                layer.digest,
                sizes[layer.digest],
                layer.size,
            )
    return tuple(found)
