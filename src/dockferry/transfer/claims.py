"""Claims: the lines of a journal, written and read. Pure.

A text file, a line a fact, each behind the CRC-32 of its text in eight hexadecimal digits:

    dockferry-journal 1 IDENTITY BOOT    first line: the format, the plan's identity, the boot it was written in
    h BLOB START END                     bytes START to END (exclusive) of blob number BLOB are written
    d BLOB                               what was had of BLOB is wrong: forget it
    s OFFSET                             all that the lines before OFFSET (of this file) claim is on stable storage
    x                                    a sync failed: what no `s` covers is not to be believed

A line that is not whole says nothing, and takes no other with it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import List, Sequence, Tuple

from .ranges import Range, RangeSet

UNKNOWN_BOOT = "-"
"""In the place of BOOT, where the system does not tell its boots apart."""
_MAGIC = "dockferry-journal 1"


@dataclass
class Recovered:
    """What a journal says: for each blob the ranges `had`, and those of them that are `synced`.

    `is_known` is False where there was no journal of this plan.
    """

    is_known: bool = False
    had: List[RangeSet] = field(default_factory=list)
    synced: List[RangeSet] = field(default_factory=list)


def head(identity: str, boot: str, recovered: Recovered) -> bytes:
    """The first lines of a new journal, with what was `recovered`."""
    lines = _line(f"{_MAGIC} {identity} {boot}") + _all_had(recovered.synced)
    return lines + synced(len(lines)) + _all_had(recovered.had)


def had(blob: int, ranges: Sequence[Range]) -> bytes:
    """These ranges of a blob are written."""
    return b"".join(_line(f"h {blob} {start} {end}") for start, end in ranges)


def dropped(blob: int, kept: Sequence[Range]) -> bytes:
    """What was had of a blob is wrong, but for the ranges that are `kept`."""
    return _line(f"d {blob}") + had(blob, kept)


def synced(mark: int) -> bytes:
    """What stands before offset `mark` is on stable storage."""
    return _line(f"s {mark}")


def not_synced() -> bytes:
    """A sync failed."""
    return _line("x")


def _whole_lines(data: bytes) -> List[Tuple[int, str]]:
    """The lines that are whole, each with its offset."""
    found, offset = [], 0
    for raw in data.split(b"\n")[:-1]:
        crc, _, text = raw.partition(b" ")
        if len(crc) == 8 and crc == b"%08x" % zlib.crc32(text):
            found.append((offset, text.decode("ascii", "replace")))
        offset += len(raw) + 1
    return found


def parse(data: bytes, identity: str, blobs: int, boot: str) -> Recovered:
    """What a journal says of a plan of `blobs` blobs, read in this `boot`, whatever it holds."""
    lines = _whole_lines(data)
    if not lines or not lines[0][1].startswith(f"{_MAGIC} {identity} "):
        return Recovered()
    written_in = lines[0][1].rpartition(" ")[2]
    is_believed = written_in == boot != UNKNOWN_BOOT and not any(text == "x" for _, text in lines)
    mark = max((_number(text[2:]) for _, text in lines if text.startswith("s ")), default=0)
    written, safe = [RangeSet() for _ in range(blobs)], [RangeSet() for _ in range(blobs)]
    for offset, text in lines[1:]:
        kind, *numbers = text.split(" ")
        values = [_number(number) for number in numbers]
        if kind == "h" and len(values) == 3 and 0 <= values[0] < blobs and 0 <= values[1] < values[2]:
            written[values[0]].add(values[1], values[2])
            if offset < mark:
                safe[values[0]].add(values[1], values[2])
        elif kind == "d" and len(values) == 1 and 0 <= values[0] < blobs:
            written[values[0]], safe[values[0]] = RangeSet(), RangeSet()
    return Recovered(True, written if is_believed else safe, safe)


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 20 else -1


def _line(text: str) -> bytes:
    raw = text.encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def _all_had(blobs: Sequence[RangeSet]) -> bytes:
    return b"".join(had(number, list(ranges)) for number, ranges in enumerate(blobs))
