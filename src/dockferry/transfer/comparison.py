"""Comparison: what comes of a blob in doubt, beside what stands in its place."""

from __future__ import annotations

from typing import List, Tuple

from ..oci.descriptor import Descriptor
from .protocols import Destination, read_full
from .ranges import Range, blocks
from .trust import BLOCK


def compare(
    blob: Descriptor, destination: Destination, start: int, data: memoryview
) -> Tuple[List[Range], List[Range]]:
    """The ranges of `data`, which is to stand at `start`, that are there already, and those that are not.

    Offsets in the blob. Raises DiskError.
    """
    there = memoryview(bytearray(len(data)))
    got = read_full(destination, blob, start, there)
    same: List[Range] = []
    other: List[Range] = []
    for low, high in blocks(start, start + len(data), BLOCK):
        place = slice(low - start, high - start)
        found = same if high - start <= got and data[place] == there[place] else other
        if found and found[-1][1] == low:
            found[-1] = found[-1][0], high
        else:
            found.append((low, high))
    return same, other
