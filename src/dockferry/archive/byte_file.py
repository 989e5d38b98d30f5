"""Byte file: bytes at any offset of a file, plain or gzipped, and streams over a range of it."""

from __future__ import annotations

import io
import os
import sys
import threading
import zlib
from pathlib import Path
from typing import Callable, Iterator, Optional, Protocol

from ..errors import ContentError, DiskError
from ..system.random_access import PositionalFile, open_file
from ..text import shown_path

_STEP = 256 * 1024


class ByteFile(Protocol):
    """May be used by many threads at once."""

    def readinto(self, offset: int, view: memoryview) -> int:
        """How many bytes came; 0 only at the end of the file. Raises DiskError, ContentError."""

    def close(self) -> None:
        """No more reads."""


class PlainFile:
    """A regular file that is read where it stands; links are followed only where `follow` says so."""

    def __init__(self, path: Path, *, follow: bool = False) -> None:
        self.path = path
        try:
            self._file: Optional[PositionalFile] = open_file(path, os.O_RDONLY, follow=follow)
        except OSError as error:
            raise DiskError.of("open", path, error, remedy="check the path and its permissions") from None

    def size(self) -> int:
        """In bytes, now."""
        try:
            return os.fstat(self._open_file().fd).st_size
        except OSError as error:
            raise DiskError.of("look at", self.path, error) from None

    def readinto(self, offset: int, view: memoryview) -> int:
        try:
            return self._open_file().readinto(offset, view)
        except OSError as error:
            raise DiskError.of("read", self.path, error, remedy="copy it to another disk") from None

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file.fd)

    def _open_file(self) -> PositionalFile:
        if self._file is None:
            raise ValueError("read of a closed file")
        return self._file


class GzipFile:
    """The plain bytes of a gzipped file. Reads in ascending order cost one decompression, others start it again."""

    def __init__(self, path: Path) -> None:
        import gzip

        self.path = path
        self._lock = threading.Lock()
        self._file = gzip.GzipFile(path, "rb")

    def readinto(self, offset: int, view: memoryview) -> int:
        with self._lock:
            try:
                if self._file.seek(offset) != offset:
                    return 0
                return self._file.readinto(view)
            except (EOFError, zlib.error, OSError) as error:
                raise ContentError(
                    "{}: wanted gzip data to its end, got: {}",
                    shown_path(self.path),
                    error,
                    remedy="it was cut short or damaged: download or copy it again",
                ) from None

    def close(self) -> None:
        self._file.close()


class ByteStream(io.RawIOBase):
    """`size` bytes from `start` of `file`, in order. Raises ContentError, naming `what`, if the file ends before."""

    def __init__(
        self, file: ByteFile, start: int, size: int, what: str, on_close: Optional[Callable[[], None]] = None
    ) -> None:
        super().__init__()
        self._file, self._pos, self._end = file, start, start + size
        self._what, self._on_close = what, on_close

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")[: self._end - self._pos]  # type: ignore[arg-type]
        if not view:
            return 0
        count = self._file.readinto(self._pos, view)
        if not count:
            raise ContentError("{}: wanted {} more bytes, got the end of the file", self._what, self._end - self._pos)
        self._pos += count
        return count

    def close(self) -> None:
        if not self.closed and self._on_close is not None:
            self._on_close()
        super().close()


def read_exactly(file: ByteFile, offset: int, size: int) -> bytes:
    """`size` bytes from `offset` of `file`; fewer where it ends before."""
    buffer = bytearray(size)
    view = memoryview(buffer)
    filled = 0
    while filled < size:
        count = file.readinto(offset + filled, view[filled:])
        if not count:
            break
        filled += count
    return bytes(view[:filled])


def chunks(file: ByteFile, offset: int = 0, end: int = sys.maxsize) -> Iterator[bytes]:
    """The bytes of `file` from `offset` to `end`, or to its own end, in steps of at most 256 KiB."""
    view = memoryview(bytearray(_STEP))
    while offset < end:
        count = file.readinto(offset, view[: end - offset])
        if not count:
            return
        yield bytes(view[:count])
        offset += count
