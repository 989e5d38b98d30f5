"""The journal: the ledger on disk, beside the unfinished archive.

A text file, a line a fact, each behind the CRC-32 of its text in eight hexadecimal digits:

    dockferry-journal 1 IDENTITY BOOT    first line: the format, the plan's identity, the boot it was written in
    h BLOB START END                     bytes START to END (exclusive) of blob number BLOB are written
    d BLOB                               what was had of BLOB is wrong: forget it
    s OFFSET                             all that the lines before OFFSET (of this file) claim is on stable storage
    x                                    a sync failed: what no `s` covers is not to be believed

Strategy: a line is appended, in one write and without a sync, after its bytes were written, so a killed process loses
at most what was in flight: the page cache outlives it. After another boot, or on a system that does not tell its
boots apart, only lines under an `s` are believed. After a failed sync too: the system forgets which pages it could
not write, reads them back as they should be, and syncs well from then on. A line that is not whole says nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

from ..errors import DiskError
from ..undisturbed import undisturbed
from .boot import UNKNOWN_BOOT
from .ranges import RangeSet

_MAGIC = "dockferry-journal 1"


@dataclass
class Recovered:
    """What a journal says: for each blob the ranges `had`, and those of them that are `synced`.

    `is_known` is False where there was no journal of this plan; `other` then tells whether there was some file.
    """

    is_known: bool = False
    other: bool = False
    had: List[RangeSet] = field(default_factory=list)
    synced: List[RangeSet] = field(default_factory=list)


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
        return _parse(data, identity, blobs, boot)

    @classmethod
    def create(cls, path: Path, identity: str, recovered: Recovered, boot: str) -> Journal:
        """A new journal in the place of any old one, holding what was recovered. Raises DiskError."""
        head = _line(f"{_MAGIC} {identity} {boot}") + _claims(recovered.synced)
        head += _line(f"s {len(head)}") + _claims(recovered.had)
        fresh = path.with_name(path.name + ".new")
        try:
            fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
            try:
                _write_all(fd, head)
                os.fsync(fd)
            finally:
                os.close(fd)
            undisturbed(lambda: os.replace(fresh, path))
            fd = os.open(path, os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise DiskError.of("write", path, error) from None
        return cls(path, fd)

    def had(self, blob: int, ranges: Sequence[Tuple[int, int]]) -> None:
        """These ranges of a blob are written."""
        self._append(b"".join(_line(f"h {blob} {start} {end}") for start, end in ranges))

    def dropped(self, blob: int, kept: Sequence[Tuple[int, int]] = ()) -> None:
        """What was had of a blob is wrong, but for the ranges that are `kept`."""
        self._append(_line(f"d {blob}") + b"".join(_line(f"h {blob} {start} {end}") for start, end in kept))

    def settle(self, sync: Callable[[], None]) -> None:
        """`sync()`, which brings all data to stable storage, and note that it did or did not. Raises DiskError."""
        mark = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            sync()
        except DiskError:
            with contextlib.suppress(DiskError):
                self._append(_line("x"))
            raise
        self._append(_line(f"s {mark}"))
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


def _line(text: str) -> bytes:
    raw = text.encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def _claims(blobs: Sequence[RangeSet]) -> bytes:
    return b"".join(
        _line(f"h {number} {start} {end}") for number, ranges in enumerate(blobs) for start, end in ranges
    )


def _whole_lines(data: bytes) -> List[Tuple[int, str]]:
    """The lines that are whole, each with its offset."""
    found, offset = [], 0
    for raw in data.split(b"\n")[:-1]:
        crc, _, text = raw.partition(b" ")
        if len(crc) == 8 and crc == b"%08x" % zlib.crc32(text):
            found.append((offset, text.decode("ascii", "replace")))
        offset += len(raw) + 1
    return found


def _parse(data: bytes, identity: str, blobs: int, boot: str) -> Recovered:
    lines = _whole_lines(data)
    if not lines or not lines[0][1].startswith(f"{_MAGIC} {identity} "):
        return Recovered(other=True)
    written_in = lines[0][1].rpartition(" ")[2]
    is_believed = written_in == boot != UNKNOWN_BOOT and not any(text == "x" for _, text in lines)
    mark = max((_number(text[2:]) for _, text in lines if text.startswith("s ")), default=0)
    claims: Dict[bool, List[RangeSet]] = {kind: [RangeSet() for _ in range(blobs)] for kind in (False, True)}
    for offset, text in lines[1:]:
        kind, *numbers = text.split(" ")
        values = [_number(number) for number in numbers]
        if kind == "h" and len(values) == 3 and 0 <= values[0] < blobs and 0 <= values[1] < values[2]:
            claims[False][values[0]].add(values[1], values[2])
            if offset < mark:
                claims[True][values[0]].add(values[1], values[2])
        elif kind == "d" and len(values) == 1 and 0 <= values[0] < blobs:
            claims[False][values[0]] = RangeSet()
            claims[True][values[0]] = RangeSet()
    return Recovered(is_known=True, had=claims[not is_believed], synced=claims[True])


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 20 else -1


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
