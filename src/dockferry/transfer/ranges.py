"""RangeSet: which bytes, as sorted, disjoint, half-open ranges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Iterable, Iterator, List, Tuple

Range = Tuple[int, int]


def blocks(start: int, end: int, size: int) -> Iterator[Range]:
    """`[start, end)` cut at the multiples of `size`."""
    while start < end:
        cut = min(end, (start // size + 1) * size)
        yield start, cut
        start = cut


class RangeSet:
    """A set of integers kept as ranges `[start, end)`; touching ranges are merged.

    Every change costs a binary search and the ranges that it swallows.
    """

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._starts: List[int] = []
        self._ends: List[int] = []
        self.total = 0
        for start, end in ranges:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Put `[start, end)` in; what is in already stays."""
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
            self.total -= sum(self._ends[first:last]) - sum(self._starts[first:last])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        self.total += end - start

    def remove(self, start: int, end: int) -> None:
        """Take `[start, end)` out."""
        if start >= end:
            return
        self.add(start, end)  # one range covers it now, and is cut in two
        place = bisect_right(self._starts, start) - 1
        rest = [(self._starts[place], start), (end, self._ends[place])]
        rest = [(low, high) for low, high in rest if low < high]
        self._starts[place : place + 1] = [low for low, _ in rest]
        self._ends[place : place + 1] = [high for _, high in rest]
        self.total -= end - start

    def gaps(self, start: int, end: int) -> Iterator[Range]:
        """The parts of `[start, end)` that are not in the set, in order."""
        place = bisect_right(self._ends, start)
        while start < end:
            if place == len(self._starts) or self._starts[place] >= end:
                yield start, end
                return
            if self._starts[place] > start:
                yield start, self._starts[place]
            start = self._ends[place]
            place += 1

    def parts(self, start: int, end: int) -> Iterator[Range]:
        """The parts of `[start, end)` that are in the set, in order."""
        for low, high in self.gaps(start, end):
            if start < low:
                yield start, low
            start = high
        if start < end:
            yield start, end

    def covers(self, start: int, end: int) -> bool:
        """Whether all of `[start, end)` is in."""
        return self.contiguous_end(start) >= end

    def contiguous_end(self, start: int) -> int:
        """The first offset at or after `start` that is not in the set."""
        place = bisect_right(self._starts, start) - 1
        return max(start, self._ends[place]) if place >= 0 else start

    def copy(self) -> RangeSet:
        return RangeSet(self)

    def __iter__(self) -> Iterator[Range]:
        return iter(list(zip(self._starts, self._ends)))

    def __len__(self) -> int:
        """How many ranges."""
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and list(self) == list(other)

    def __repr__(self) -> str:
        return f"RangeSet({list(self)})"
