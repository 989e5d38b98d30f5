"""Archive file: the destination that is one tar, every byte in its final place from the start."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

from ..errors import ContentError
from ..oci.descriptor import Descriptor
from ..system import disk
from ..text import shown_path
from .byte_file import PlainFile
from .part_file import PartFile, refuse_irregular
from .plan import Plan


class ArchiveFile:
    """A destination (`transfer.protocols.Destination`) at `path`; until it is published, at `path` + `.part`.

    Life: `open`, then `write`, `readinto` and `sync` from many threads, then `publish`, and `close` in any
    case. Raises DiskError for what the disk does, ContentError for bytes that a blob does not have.
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path = path
        self.plan = plan
        self.part = path.with_name(path.name + ".part")
        self._file = PartFile(self.part, plan.size)

    @property
    def blobs(self) -> Tuple[Descriptor, ...]:
        """What is to be written, each once."""
        return self.plan.blobs

    @property
    def identity(self) -> str:
        """Equal for equal archives: an unfinished file of another identity is of no use."""
        return self.plan.identity

    @property
    def existed(self) -> bool:
        """An unfinished file of the right size was found; which of its bytes are good is for the journal to say."""
        return self._file.existed

    def room(self) -> int:
        """Bytes that the disk has yet to give for it."""
        return self._file.room()

    def open(self) -> None:
        """Make or find the unfinished file, give it its size, and write all that is known: only layers are left."""
        refuse_irregular(self.path)
        self._file.open()
        for offset, data in self.plan.fixed:
            self._file.write(offset, memoryview(data))
        disk.sync_directory(self.path.parent)

    def present(self, blob: Descriptor) -> bool:
        """A whole blob that was there before: in a new archive none."""
        return False

    def write(self, blob: Descriptor, offset: int, data: memoryview) -> None:
        """Put all of `data` at `offset` of `blob`."""
        self._file.write(self.plan.place(blob, offset, len(data)), data)

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        """Read back from `offset` of `blob`; how many bytes came, never more than the blob has."""
        start = self.plan.place(blob, offset, 0)
        return self._file.readinto(start, view[: blob.size - offset])

    def sync(self) -> None:
        """Come back when everything that was written is on stable storage."""
        self._file.sync()

    def publish(self, overwrite: bool = False) -> None:
        """Under its final name, synced. The caller has proved every blob. Clobbers nothing unless `overwrite`."""
        self._file.publish(self.path, overwrite=overwrite)
        disk.sync_directory(self.path.parent)

    def discard(self) -> None:
        """Not to be published after all: removed."""
        self._file.discard()

    def close(self) -> None:
        """Close; an unfinished file stays, for the next run."""
        self._file.close()


class FinishedArchive:
    """The blobs of the archive at `path`, to be read. Raises DiskError, ContentError where it is cut short."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._plan = plan
        self._what = shown_path(path)
        self._file = PlainFile(path, follow=True)  # as whoever looked whether it is there

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        """From `offset` of `blob`; how many bytes came."""
        wanted = view[: blob.size - offset]
        count = self._file.readinto(self._plan.place(blob, offset, 0), wanted)
        if wanted and not count:
            raise ContentError("{}: wanted {} more bytes, got the end of the file", self._what, len(wanted))
        return count

    def close(self) -> None:
        self._file.close()
