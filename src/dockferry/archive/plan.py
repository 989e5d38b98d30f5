"""Plan: where every byte of an archive stands, known before the first layer byte is asked for.

Strategy: an archive is a run of members. Their headers, padding and documents are *fixed* bytes, known now; what is
left open between them are the *places* of the blobs.
"""

from __future__ import annotations

import hashlib
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..errors import ContentError, UsageError
from ..message import Message
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..oci.manifest import parse_config
from . import layout, tar
from .content import Content


class Member(NamedTuple):
    """One member: its header stands at `header_offset`, its `size` bytes of data at `offset`.

    `data` holds them where they are known; else they are `blob`'s.
    """

    name: str
    size: int
    header: bytes
    header_offset: int
    data: Optional[bytes] = None
    blob: Optional[Descriptor] = None

    @property
    def offset(self) -> int:
        return self.header_offset + len(self.header)


class Plan(NamedTuple):
    """An archive of `size` bytes. `members` in order, documents first; `blobs` are those to fetch, each once.

    `fixed` holds every byte that is no blob's, as (offset, bytes), ascending; `places` the blobs' members. `identity`
    is a sha256 over all that fixes the archive's bytes: equal identities mean equal archives.
    """

    members: Tuple[Member, ...]
    blobs: Tuple[Descriptor, ...]
    size: int
    fixed: Tuple[Tuple[int, bytes], ...]
    places: Dict[Digest, Member]
    identity: str

    @classmethod
    def of(cls, content: Content, *, for_docker: bool = True) -> Plan:
        """The archive of one image: the hybrid that every engine loads, or an OCI layout alone.

        Raises, for Docker, UsageError for what is no image, and ContentError for one that Docker would refuse.
        """
        if for_docker:
            check_loadable(content)
        documents = [
            (layout.OCI_LAYOUT_FILE, layout.oci_layout()),
            (layout.INDEX_FILE, layout.index_json([layout.entry(content)])),
        ]
        if for_docker:
            documents.append((layout.MANIFEST_FILE, layout.manifest_json([content])))
        documents.append((layout.blob_path(content.manifest.digest), content.manifest.raw))
        documents.append((layout.blob_path(content.manifest.config.digest), content.config))
        return _lay_out(documents, content.blobs)

    def place(self, blob: Descriptor, offset: int, length: int) -> int:
        """Where bytes `offset` to `offset + length` of `blob` stand. Raises ContentError if it has no such bytes."""
        member = self.places.get(blob.digest)
        if member is None or member.size != blob.size:
            raise ContentError("blob {} of {} bytes is not part of this archive", blob.digest, blob.size)
        check_range(blob, offset, length)
        return member.offset + offset


def check_loadable(content: Content) -> None:
    """Raises what engines would say after the download: UsageError for no image, ContentError for a broken one."""
    familiar, manifest = content.name.familiar, content.manifest
    if not manifest.is_image:
        raise UsageError(
            "{} is no container image: its config is of type {!r}",
            familiar,
            manifest.config.media_type,
            remedy="--format oci keeps it as it is",
        )
    diff_ids = parse_config(content.config, Message("config of {}", familiar)).diff_ids
    if len(diff_ids) != len(manifest.layers):
        raise ContentError(
            "config of {}: wanted {} diff_ids, one for each layer, got {}",
            familiar,
            len(manifest.layers),
            len(diff_ids),
            remedy="the image is broken where it was published; --format oci keeps it as it is",
        )


def check_range(blob: Descriptor, offset: int, length: int) -> None:
    """Raises ContentError unless `blob` has bytes `offset` to `offset + length`: what is beside it is another's."""
    if not 0 <= offset <= offset + length <= blob.size:
        raise ContentError(
            "blob {}: wanted bytes within its {}, got {} to {}", blob.digest, blob.size, offset, offset + length
        )


def _lay_out(documents: List[Tuple[str, bytes]], blobs: Tuple[Descriptor, ...]) -> Plan:
    offset = 0
    members: List[Member] = []
    wanted: List[Tuple[str, int, Optional[bytes], Optional[Descriptor]]] = [
        *((name, len(data), data, None) for name, data in documents),
        *((layout.blob_path(blob.digest), blob.size, None, blob) for blob in blobs),
    ]
    for name, size, data, blob in wanted:
        member = Member(name, size, tar.header(name, size), offset, data, blob)
        members.append(member)
        offset = member.offset + size + len(tar.padding(size))
    size = offset + len(tar.END)
    fixed = _fixed(members)
    places = {member.blob.digest: member for member in members if member.blob}
    return Plan(tuple(members), blobs, size, fixed, places, _identity(fixed, size))


def _fixed(members: List[Member]) -> Tuple[Tuple[int, bytes], ...]:
    """All bytes between the blobs, joined to the longest runs: they are written in one call each."""
    runs: List[Tuple[int, bytes]] = []
    start, run = 0, b""
    for member in members:
        run += member.header
        if member.data is None:
            runs.append((start, run))
            start, run = member.offset + member.size, b""
        else:
            run += member.data
        run += tar.padding(member.size)
    return (*runs, (start, run + tar.END))


def _identity(fixed: Tuple[Tuple[int, bytes], ...], size: int) -> str:
    """The headers name the blobs by digest and size, so the fixed bytes say it all."""
    hasher = hashlib.sha256(b"dockferry archive 1 %d\n" % size)
    for offset, data in fixed:
        hasher.update(b"%d %d\n" % (offset, len(data)))
        hasher.update(data)
    return hasher.hexdigest()
