"""Provenance: which source gave which bytes of which blob. Pure."""

from __future__ import annotations

from typing import Dict, Iterable, List

from .ranges import Range, RangeSet

EARLIER = -1
"""In the place of a source's number: an earlier run, whose sources nobody remembers."""
AGREED = -2
"""The same: two gave the same bytes."""


class Provenance:
    """Of `blobs` blobs, by number."""

    def __init__(self, blobs: int) -> None:
        self._given: List[Dict[int, RangeSet]] = [{} for _ in range(blobs)]

    def gave(self, blob: int, source: int, ranges: Iterable[Range]) -> None:
        """`source` gave these bytes, which nobody had given."""
        given = self._given[blob].setdefault(source, RangeSet())
        for start, end in ranges:
            given.add(start, end)

    def givers(self, blob: int) -> Dict[int, int]:
        """Who gave how many bytes of the blob as it stands."""
        return {source: ranges.total for source, ranges in self._given[blob].items() if ranges.total}

    def take(self, blob: int, source: int) -> RangeSet:
        """Forget what `source` gave: these ranges."""
        return self._given[blob].pop(source, RangeSet())

    def take_all(self, blob: int) -> None:
        """Forget what anybody gave."""
        self._given[blob].clear()
