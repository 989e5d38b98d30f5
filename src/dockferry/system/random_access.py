"""Random access: read and write one open file at any offset, from many threads.

Strategy: POSIX has pwrite and pread, which need no lock. Windows does not, so there a seek and the call after it
are made one under a lock.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from .kind import WINDOWS

AS_BYTES = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
"""What every file of ours is opened with: as plain bytes, for this process alone."""
_MOST = 1 << 30
"""Bytes in one call: macOS refuses 2 GiB and more."""


class PositionalFile:
    """`fd` is the caller's to close. Raises OSError."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def write_some(self, offset: int, data: memoryview) -> int:
        if sys.platform == "win32":
            raise NotImplementedError("Windows has a SeekingFile")
        return os.pwrite(self.fd, data, offset)

    def readinto(self, offset: int, view: memoryview) -> int:
        """How many bytes came; 0 at the end of the file."""
        if sys.platform == "win32":
            raise NotImplementedError("Windows has a SeekingFile")
        if hasattr(os, "preadv"):
            return os.preadv(self.fd, [view[:_MOST]], offset)
        data = os.pread(self.fd, min(len(view), _MOST), offset)
        view[: len(data)] = data
        return len(data)

    def write(self, offset: int, data: memoryview) -> None:
        """All of `data`, in as many calls as the system wants."""
        written = self.write_some(offset, data[:_MOST])
        while written < len(data):
            written += self.write_some(offset + written, data[written : written + _MOST])


class SeekingFile(PositionalFile):
    """The same where the system has no positional calls."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self._lock = threading.Lock()

    def write_some(self, offset: int, data: memoryview) -> int:
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.write(self.fd, data)

    def readinto(self, offset: int, view: memoryview) -> int:
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            data = os.read(self.fd, min(len(view), _MOST))
        view[: len(data)] = data
        return len(data)


def open_file(path: Path, flags: int, *, follow: bool = False) -> PositionalFile:
    """`path`, opened with `flags`, as plain bytes, for this process alone; a link only where `follow` says so.

    Raises OSError.
    """
    fd = os.open(path, flags | AS_BYTES | (0 if follow else getattr(os, "O_NOFOLLOW", 0)), 0o666)
    return SeekingFile(fd) if WINDOWS else PositionalFile(fd)
