"""OCI reader: the images that an `index.json` lists, every document on the way proved by its digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from ..errors import ContentError
from ..oci.descriptor import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from ..oci.digest import Digest
from ..oci.manifest import Index, Manifest, parse_config, parse_manifest
from ..oci.strict_json import MAX_MANIFEST
from ..text import clean, shown_path
from . import layout
from .members import Members, read_member
from .stored import StoredImage, StoredLayer

_MAX_DEPTH = 4
_MAX_DOCUMENTS = 2000


@dataclass
class OciContents:
    """`images` in the index's order; `manifests` those of all of them and of attestations.

    `referenced` has every descriptor that was met, so that no blob is left over; `absent` those of a nested index
    that are not here: an engine that saves a multi-platform image keeps the whole index and its own platform.
    """

    images: Tuple[StoredImage, ...] = ()
    manifests: List[Manifest] = field(default_factory=list)
    referenced: Dict[Digest, Descriptor] = field(default_factory=dict)
    absent: List[Descriptor] = field(default_factory=list)


def read_oci(members: Members) -> OciContents:
    """Raises ContentError where the layout, an index, a manifest or a config is not what it should be."""
    return _Reader(members).read()


class _Reader:
    def __init__(self, members: Members) -> None:
        self._members = members
        self._what = shown_path(members.path)
        self._found = OciContents()
        self._names: Dict[Digest, List[str]] = {}
        self._images: Dict[Digest, Manifest] = {}
        self._documents = 0

    def read(self) -> OciContents:
        what = f"{self._what}: {layout.OCI_LAYOUT_FILE}"
        layout.check_oci_layout(read_member(self._members, layout.OCI_LAYOUT_FILE, layout.MAX_INDEX), what)
        what = f"{self._what}: {layout.INDEX_FILE}"
        index = parse_manifest(read_member(self._members, layout.INDEX_FILE, layout.MAX_INDEX), "", what)
        if not isinstance(index, Index):
            raise ContentError("{}: wanted an index, got a manifest", what)
        for entry in index.entries:
            self._descend(entry, _name(entry), 1)
        self._found.images = tuple(
            self._image(manifest, tuple(dict.fromkeys(self._names[digest])))
            for digest, manifest in self._images.items()
        )
        return self._found

    def _descend(self, entry: Descriptor, name: Optional[str], depth: int) -> None:
        self._documents += 1
        if depth > _MAX_DEPTH or self._documents > _MAX_DOCUMENTS:
            raise ContentError(
                "{}: wanted a plain index of images, got one nested or repeated without end", self._what
            )
        self._refer(entry)
        if depth > 1 and layout.blob_path(entry.digest) not in self._members.sizes:
            self._found.absent.append(entry)
            return
        if entry.media_type not in (*INDEX_TYPES, *MANIFEST_TYPES):
            return
        raw = self.blob(entry, MAX_MANIFEST)
        document = parse_manifest(raw, entry.media_type, f"{self._what}: {layout.blob_path(entry.digest)}")
        if isinstance(document, Index):
            for one in document.entries:
                self._descend(one, _name(one) or name, depth + 1)
            return
        self._found.manifests.append(document)
        for blob in (document.config, *document.layers):
            self._refer(blob)
        if not entry.is_attestation:
            self._images[entry.digest] = document
            self._names.setdefault(entry.digest, []).extend([name] if name else [])

    def _refer(self, one: Descriptor) -> None:
        before = self._found.referenced.setdefault(one.digest, one)
        if before.size != one.size:
            raise ContentError(
                "{}: {}: wanted one size, got {} and {}", self._what, one.digest, before.size, one.size
            )

    def _image(self, manifest: Manifest, names: Tuple[str, ...]) -> StoredImage:
        path = layout.blob_path(manifest.config.digest)
        config = None
        if manifest.is_image:
            config = parse_config(self.blob(manifest.config, MAX_MANIFEST), f"{self._what}: {path}")
        diff_ids: Tuple[Optional[Digest], ...] = config.diff_ids if config else ()
        if len(diff_ids) != len(manifest.layers):
            diff_ids = (None,) * len(manifest.layers)
        layers = tuple(
            StoredLayer(layout.blob_path(layer.digest), layer.size, layer.media_type, layer.digest, diff_id)
            for layer, diff_id in zip(manifest.layers, diff_ids)
        )
        platform = config.platform if config and config.platform.os else None
        return StoredImage(names, manifest, path, manifest.config.digest, config, layers, platform)

    def blob(self, one: Descriptor, limit: int) -> bytes:
        """A small blob, proved by size and digest."""
        path = layout.blob_path(one.digest)
        raw = read_member(self._members, path, limit)
        if len(raw) != one.size:
            raise ContentError("{}: {}: wanted {} bytes, got {}", self._what, path, one.size, len(raw))
        got = Digest.of(raw, one.digest.algorithm)
        if got != one.digest:
            raise ContentError("{}: {}: wanted {}, got {}", self._what, path, one.digest, got)
        return raw


def _name(entry: Descriptor) -> Optional[str]:
    said = dict(entry.annotations)
    return clean(said.get(layout.CONTAINERD_NAME) or said.get(layout.REF_NAME) or "") or None
