"""Stored images: what an archive holds, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..errors import UsageError
from ..oci.digest import Digest
from ..oci.manifest import ImageConfig, Manifest
from ..oci.platform import Platform
from ..oci.reference import Reference


@dataclass(frozen=True)
class StoredLayer:
    """`member` is the layer's path in the archive, which need not be there: images may share layers with a target.

    `digest` names its bytes and `diff_id` its uncompressed bytes; the first is None in a docker-archive, which does
    not say it, the second in an artifact. `size` in bytes.
    """

    member: str
    size: int
    media_type: str
    digest: Optional[Digest]
    diff_id: Optional[Digest]


@dataclass(frozen=True)
class StoredImage:
    """One image under all its `names`, which are cleaned text. `manifest` is None in a docker-archive.

    `config` is None for an artifact that is no image; `config_member` its path and `config_digest` that of its bytes.
    """

    names: Tuple[str, ...]
    manifest: Optional[Manifest]
    config_member: str
    config_digest: Digest
    config: Optional[ImageConfig]
    layers: Tuple[StoredLayer, ...]
    platform: Optional[Platform]

    @property
    def references(self) -> Tuple[Reference, ...]:
        """The names that are references: a bare tag is none, since it does not say of what."""
        found = (maybe_reference(name) for name in self.names)
        return tuple(one for one in found if one is not None)

    @property
    def digest(self) -> Digest:
        """The manifest's, or the config's (Docker's image ID) where there is no manifest."""
        return self.manifest.digest if self.manifest else self.config_digest


def maybe_reference(name: str) -> Optional[Reference]:
    if not any(mark in name for mark in "/:@"):
        return None
    try:
        return Reference.parse(name)
    except UsageError:
        return None
