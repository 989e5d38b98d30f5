"""Trust: which source's bytes made a blob hash wrong, and when to give up. Pure: verdicts come in, counts go out.

Strategy: bytes from several sources that hash wrong together accuse nobody. So from then on the blob is asked for at
one source at a time: what a source gave alone is its own, right or wrong. A source that lied is asked last from then
on, not banned: a wrong bit may have been the line's. The same wrong digest again and again is what the sources have;
different ones are bad luck, for which there is more patience.
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Set

SAME = 3
"""A blob that came wrong this often in the same way is given up."""
MOST = 8
"""The same, in whatever way."""


class Trust:
    """Of `sources` sources, by number, in what they gave of `blobs` blobs, by number."""

    def __init__(self, blobs: int, sources: int) -> None:
        self.lies = [0] * sources
        self._givers: List[Set[int]] = [set() for _ in range(blobs)]
        self._suspects: List[Set[int]] = [set() for _ in range(blobs)]
        self._found: List[Dict[str, int]] = [{} for _ in range(blobs)]

    def gave(self, blob: int, source: int) -> None:
        """`source` gave bytes of `blob`."""
        self._givers[blob].add(source)

    def good(self, blob: int) -> Set[int]:
        """The blob is right: who must have been wrong before."""
        suspects = self._suspects[blob] - self._givers[blob]
        return self._accuse(suspects) if len(suspects) == 1 else set()

    def wrong(self, blob: int, found: str) -> Set[int]:
        """The blob hashes to `found` instead: who is to blame, as far as can be told. Its bytes are to be dropped."""
        counts = self._found[blob]
        counts[found] = counts.get(found, 0) + 1
        givers, self._givers[blob] = self._givers[blob], set()
        if len(givers) == 1:
            return self._accuse(givers)
        self._suspects[blob] = givers
        return set()

    def forget(self, blob: int) -> None:
        """The blob's bytes are dropped, which was no source's fault."""
        self._givers[blob] = set()

    def times_wrong(self, blob: int) -> int:
        return sum(self._found[blob].values())

    def is_hopeless(self, blob: int) -> bool:
        """Whether to fetch it once more is of no use."""
        return max(self._found[blob].values(), default=0) >= SAME or self.times_wrong(blob) >= MOST

    def choose(self, blob: int, usable: Sequence[int], connection: int) -> int:
        """Which of the `usable` sources a connection, by number, asks for `blob`."""
        least = min(self.lies[source] for source in usable)
        honest = [source for source in usable if self.lies[source] == least]
        return honest[(self.times_wrong(blob) or connection) % len(honest)]

    def _accuse(self, liars: Set[int]) -> Set[int]:
        for source in liars:
            self.lies[source] += 1
        return liars
