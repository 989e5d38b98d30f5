"""The journal: the ledger on disk, beside the unfinished archive; its lines are those of `claims`.

Strategy: a line is appended, in one write and without a sync, after its bytes were written, so a killed process loses
at most what was in flight: the page cache outlives it. After another boot, or on a system that does not tell its
boots apart, only lines under an `s` are believed. After a failed sync too: the system forgets which pages it could
not write, reads them back as they should be, and syncs well from then on.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Callable, Sequence

from ..errors import DiskError
from ..system.random_access import AS_BYTES
from ..system.undisturbed import undisturbed
from . import claims
from .claims import Recovered
from .ranges import Range


class Journal:
    """An open journal. `had` and `dropped` may be called by many threads at once."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._lock = threading.Lock()

    @classmethod
    def recover(cls, path: Path, identity: str, blobs: int, boot: str) -> Recovered:
        """Read `path`, for a plan of `blobs` blobs. Never raises for what the file holds; DiskError if unreadable."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return Recovered()
        except OSError as error:
            raise DiskError.of("read", path, error) from None
        return claims.parse(data, identity, blobs, boot)

    @classmethod
    def create(cls, path: Path, identity: str, recovered: Recovered, boot: str) -> Journal:
        """A new journal in the place of any old one, holding what was recovered. Raises DiskError."""
        fresh = path.with_name(path.name + ".new")
        try:
            fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | AS_BYTES, 0o644)
            try:
                _write_all(fd, claims.head(identity, boot, recovered))
                os.fsync(fd)
            finally:
                os.close(fd)
            undisturbed(lambda: os.replace(fresh, path))
            fd = os.open(path, os.O_RDWR | os.O_APPEND | AS_BYTES)
        except OSError as error:
            raise DiskError.of("write", path, error) from None
        return cls(path, fd)

    def had(self, blob: int, ranges: Sequence[Range]) -> None:
        """These ranges of a blob are written."""
        self._append(claims.had(blob, ranges))

    def dropped(self, blob: int, kept: Sequence[Range] = ()) -> None:
        """What was had of a blob is wrong, but for the ranges that are `kept`."""
        self._append(claims.dropped(blob, kept))

    def settle(self, sync: Callable[[], None]) -> None:
        """`sync()`, which brings all data to stable storage, and note that it did or did not. Raises DiskError."""
        mark = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            sync()
        except DiskError:
            with contextlib.suppress(DiskError):
                self._append(claims.not_synced())
            raise
        self._append(claims.synced(mark))
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise DiskError.of("sync", self._path, error) from None

    def close(self) -> None:
        """A thread that comes late, from a sync that took long, must not write into whatever has this number then."""
        with self._lock:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _append(self, data: bytes) -> None:
        """One at a time: where the system takes a part of a line, no other comes between it and the rest."""
        if data:
            try:
                with self._lock:
                    _write_all(self._fd, data)
            except OSError as error:
                raise DiskError.of("write", self._path, error) from None


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
