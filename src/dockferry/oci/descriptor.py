"""Descriptor: a blob's type, digest and size (OCI image spec, descriptor.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple

from ..errors import ContentError
from ..text import clean
from .digest import Digest
from .platform import Platform
from .strict_json import refuse_lookalikes

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_SCHEMA1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
INDEX_TYPES = (OCI_INDEX, DOCKER_INDEX)
MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
_KEYS = frozenset(("annotations", "digest", "mediaType", "platform", "size", "urls"))
MAX_BLOB = 1 << 46
"""64 TiB: past this a size is nonsense, and offsets stay far below 2**63."""


@dataclass(frozen=True)
class Descriptor:
    """`size` in bytes. `platform` is there in an index's entries only. `annotations` may be empty."""

    media_type: str
    digest: Digest
    size: int
    platform: Optional[Platform] = None
    annotations: Tuple[Tuple[str, str], ...] = ()

    @classmethod
    def from_json(cls, value: object, what: str) -> Descriptor:
        """Raises ContentError, naming `what`, for anything that is not a well-formed descriptor."""
        if not isinstance(value, dict):
            raise ContentError("{}: wanted a descriptor, got {}", what, type(value).__name__)
        refuse_lookalikes(value, _KEYS, what)
        media_type, size = value.get("mediaType", ""), value.get("size")
        if not isinstance(media_type, str) or len(media_type) > 255 or clean(media_type) != media_type:
            raise ContentError("{}: not a media type: {}", what, clean(repr(media_type), 100))
        if type(size) is not int or not 0 <= size <= MAX_BLOB:
            raise ContentError("{}: wanted a size from 0 to {}, got {}", what, MAX_BLOB, clean(repr(size), 60))
        platform = value.get("platform")
        return cls(
            media_type=media_type,
            digest=Digest.parse(value.get("digest"), what),
            size=size,
            platform=None if platform is None else Platform.from_json(platform, what),
            annotations=_annotations(value.get("annotations"), what),
        )

    def to_json(self) -> Dict[str, Any]:
        """The descriptor as JSON values, keys in the spec's order."""
        found: Dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.platform is not None:
            found["platform"] = self.platform.to_json()
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found

    @property
    def is_attestation(self) -> bool:
        """A BuildKit attestation manifest: no image, though it stands in the index among them."""
        kind = dict(self.annotations).get("vnd.docker.reference.type")
        return kind == "attestation-manifest" or (
            self.platform is not None and self.platform.os == self.platform.architecture == "unknown"
        )


def _annotations(value: object, what: str) -> Tuple[Tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise ContentError("{}: annotations are not a map of strings", what)
    return tuple(value.items())
