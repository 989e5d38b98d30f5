"""Verify: prove an archive as a whole, or name what is wrong with it."""

from __future__ import annotations

import io
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Set, Tuple, Union

from ..archive import layout
from ..archive.docker_reader import blob_digest
from ..archive.reader import Archive, open_archive
from ..archive.stored import StoredImage, StoredLayer, maybe_reference
from ..archive.unpack import MAGIC_SIZE, can_unpack, cap, unpacked
from ..errors import ContentError, remedied
from ..events import BlobDone, OnEvent, Warned, ignore
from ..message import Message
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..system.paths import plain
from ..text import shown_path

_STEP = 64 * 1024
_DOCUMENTS = (layout.OCI_LAYOUT_FILE, layout.INDEX_FILE, layout.MANIFEST_FILE)
_LEGACY = re.compile(r"repositories|[0-9a-f]{64}/(VERSION|json|layer\.tar)")


@dataclass(frozen=True)
class VerifyReport:
    """What was proved: `blobs` by their digests, `layers` by their diff_ids; `size` is all blobs' bytes.

    `kind` is `hybrid`, `oci` or `docker`; `images` are `name@digest`, where there is no manifest `name (image ID)`;
    `notes` what is no fault, but worth saying.
    """

    path: str
    kind: str
    images: Tuple[str, ...]
    blobs: int
    layers: int
    size: int
    notes: Tuple[str, ...]

    def to_json(self) -> Dict[str, Any]:
        return asdict(self)


def verify(path: Union[str, Path], *, deep: bool = False, on_event: OnEvent = ignore) -> VerifyReport:
    """Every blob's digest and size, every document's word on another, nothing missing and nothing to spare.

    `deep`: layers are also unpacked and held to the config's diff_ids, as engines do; for a `docker save` archive,
    which names no other digests, always. Memory is constant. Raises ContentError naming the member, what was wanted
    and what was got; DiskError.
    """
    with remedied(_remedy(path)), open_archive(path) as archive:
        return _Check(archive, on_event).run(deep or archive.kind == "docker")


class _Check:
    def __init__(self, archive: Archive, on_event: OnEvent) -> None:
        self._archive = archive
        self._sizes = archive.members.sizes
        self._what = shown_path(archive.path)
        self._tell = on_event
        self._notes: List[str] = []
        self._known: Set[str] = {name for name in _DOCUMENTS if name in self._sizes}
        self._blobs = self._layers = self._size = 0

    def run(self, deep: bool) -> VerifyReport:
        self._check_references()
        self._check_agreement()
        self._check_nothing_to_spare()
        self._check_digests()
        if deep:
            self._check_layers()
        names = tuple(_title(image) for image in self._archive.images)
        return VerifyReport(
            str(plain(self._archive.path)),
            self._archive.kind,
            names,
            self._blobs,
            self._layers,
            self._size,
            tuple(self._notes),
        )

    def _check_references(self) -> None:
        """All that a document names is there, with its size."""
        oci = self._archive.oci
        if oci is not None:
            absent = {one.digest for one in oci.absent}
            for one in oci.referenced.values():
                self._check_reference(one, one.digest in absent)
        for entry in self._archive.docker:
            for member in (entry.config, *entry.layers):
                self._known.add(member)
                if member not in self._sizes and not self._is_excused(member):
                    raise self._missing(member)

    def _check_reference(self, one: Descriptor, may_miss: bool) -> None:
        member = layout.blob_path(one.digest)
        self._known.add(member)
        got = self._sizes.get(member)
        if got is None and may_miss:
            said = Message("manifest {}", one.digest.short)
            if one.platform:
                said = Message("{} for {}", said, one.platform)
            self._note(Message("{} is listed, and not in the archive", said))
        elif got is None and _is_foreign(one):
            self._note(Message("layer {} is its publisher's to give out, and not in the archive", one.digest.short))
        elif got is None:
            raise self._missing(member)
        elif got != one.size:
            raise ContentError("{}: {}: wanted {} bytes, got {}", self._what, member, one.size, got)

    def _is_excused(self, member: str) -> bool:
        digest, oci = blob_digest(member), self._archive.oci
        one = oci.referenced.get(digest) if oci and digest else None
        return one is not None and _is_foreign(one)

    def _check_agreement(self) -> None:
        """An image that both `index.json` and `manifest.json` list has the same layers and the same tags in both."""
        if self._archive.oci is None:
            return
        where = f"{self._what}: {layout.MANIFEST_FILE}"
        for entry in self._archive.docker:
            listed = [image for image in self._archive.oci.images if image.config_member == entry.config]
            if not listed:
                raise ContentError(
                    "{}: wanted the images of {}, got one with {}", where, layout.INDEX_FILE, entry.config
                )
            layers = [tuple(layer.member for layer in image.layers) for image in listed]
            if entry.layers not in layers:
                raise ContentError("{}: wanted the layers {}, got {}", where, _list(layers[0]), _list(entry.layers))
            wanted = {str(one) for image in listed for one in image.references if one.tag}
            got = {str(one) for one in map(maybe_reference, entry.tags) if one is not None}
            if wanted and got != wanted:
                raise ContentError("{}: wanted the tags {}, got {}", where, _list(sorted(wanted)), _list(sorted(got)))

    def _check_nothing_to_spare(self) -> None:
        """A blob that nothing names is noted, as `docker save` leaves some; any other file has no place here."""
        spare = [name for name in self._sizes if name not in self._known]
        blobs = [name for name in spare if blob_digest(name)]
        for name in spare:
            if blob_digest(name) is None and not (self._archive.docker and _LEGACY.fullmatch(name)):
                raise ContentError(
                    "{}: {}: wanted only what an image needs, got a file that is none of it", self._what, name
                )
        if blobs:
            self._note(Message("{} blobs belong to no image that is listed, the first is {}", len(blobs), blobs[0]))

    def _check_digests(self) -> None:
        for name, size in self._sizes.items():
            digest = blob_digest(name)
            if digest is None:
                continue
            hasher = digest.hasher()
            with self._archive.members.open(name) as stream:
                buffer = memoryview(bytearray(_STEP))
                for count in iter(lambda: stream.readinto(buffer), 0):  # noqa: B023
                    hasher.update(buffer[:count])
            if hasher.hexdigest() != digest.hex:
                got = f"{digest.algorithm}:{hasher.hexdigest()}"
                raise ContentError("{}: {}: wanted {}, got {}", self._what, name, digest, got)
            self._blobs += 1
            self._size += size
            self._tell(BlobDone(str(digest), size, fetched=False))

    def _check_layers(self) -> None:
        done: Set[Tuple[str, Digest]] = set()
        for image in self._archive.images:
            if image.config is not None and len(image.config.diff_ids) != len(image.layers):
                raise ContentError(
                    "{}: {}: wanted {} diff_ids, one for each layer, got {}",
                    self._what,
                    image.config_member,
                    len(image.layers),
                    len(image.config.diff_ids),
                )
            for layer in image.layers:
                if layer.diff_id is None or layer.member not in self._sizes or (layer.member, layer.diff_id) in done:
                    continue
                done.add((layer.member, layer.diff_id))
                self._check_layer(layer, layer.diff_id)

    def _check_layer(self, layer: StoredLayer, diff_id: Digest) -> None:
        what = f"{self._what}: {layer.member}"
        hasher = diff_id.hasher()
        with io.BufferedReader(self._archive.members.open(layer.member), _STEP) as stream:
            if not can_unpack(stream.peek(MAGIC_SIZE)):
                self._note(
                    Message(
                        "{}: zstd needs Python 3.14 or 'pip install zstandard': diff_id not checked", layer.member
                    )
                )
                return
            for chunk in unpacked(stream, cap(layer.size), what):
                hasher.update(chunk)
        if hasher.hexdigest() != diff_id.hex:
            raise ContentError(
                "{}: wanted the diff_id {}, got {}:{}", what, diff_id, diff_id.algorithm, hasher.hexdigest()
            )
        self._layers += 1
        if layer.digest is None:
            self._size += layer.size
            self._tell(BlobDone(str(diff_id), layer.size, fetched=False))

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._tell(Warned(text))

    def _missing(self, member: str) -> ContentError:
        return ContentError("{}: wanted the member {}, got an archive without it", self._what, member)


def _remedy(path: Union[str, Path]) -> Message:
    """What helps against whatever is wrong with the archive, where nothing better is known."""
    if str(path).endswith(".part"):
        return Message("run the same pull again to finish it")
    return Message("copy it again, or pull it with --force")


def _is_foreign(one: Descriptor) -> bool:
    """A layer that its licence lets only its publisher give out: engines leave it out of archives."""
    return "foreign" in one.media_type or "nondistributable" in one.media_type


def _title(image: StoredImage) -> str:
    name = str(image.references[0]) if image.references else image.names[0] if image.names else "unnamed"
    if image.manifest is None:  # no reference would find it by its config's digest
        return f"{name} ({image.digest})"
    return name if "@" in name else f"{name}@{image.digest}"


def _list(values: Sequence[str]) -> str:
    return ", ".join(values) or "none"
