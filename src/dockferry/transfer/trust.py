"""Trust: whose bytes made a blob hash wrong, what to fetch again, and when to give up. Pure.

Strategy: what one source gave alone is its own, right or wrong. Where several gave ranges of a blob that hashes
wrong, one of them is suspected: first who lied before, then who never gave a blob that was right, then who gave
least; only its ranges are fetched again, from the others. What comes is compared with what the suspect gave: where
two agree, neither is suspected any more. If the blob is right then, the suspect lied; if not, the next one is
suspected. When that brings nothing, the whole blob is asked of one source at a time. A liar is banned: it is asked
for what no other source gives, or while all others fail, and for nothing else. Where a liar alone can be asked again,
its word counts when it says the same twice. The same wrong digest again and again is what the sources have; different
ones are bad luck, for which there is more patience.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import AbstractSet, Dict, List, Optional, Sequence, Set, Tuple

from .provenance import AGREED, EARLIER, Provenance
from .ranges import Range, RangeSet

BLOCK = 64 * 1024
"""Bytes that are compared as one: where one bit differs so much is fetched again."""
SAME = 3
"""A blob that came wrong this often as a whole in the same way is given up."""
MOST = 8
"""The same, in whatever way; and how often a range may come as something else than the last time."""


@dataclass(frozen=True)
class Verdict:
    """What to do about a wrong blob: `drop` these bytes, and compare them with what comes; None: all of them, unseen.

    `liar` is who lied for sure, `suspect` who may have: sources by number, or EARLIER.
    """

    drop: Optional[RangeSet] = None
    liar: Optional[int] = None
    suspect: Optional[int] = None


@dataclass
class _Inquiry:
    """A blob in doubt: who is suspected now, or sure to have lied, and who was before.

    `is_alone`: it is asked of one source at a time. `changed[n]`: what came as something else more than n times.
    """

    suspect: Optional[int] = None
    is_sure: bool = False
    tried: Set[int] = field(default_factory=set)
    is_alone: bool = False
    found: Dict[str, int] = field(default_factory=dict)
    changed: List[RangeSet] = field(default_factory=list)

    @property
    def times_wrong(self) -> int:
        return sum(self.found.values())

    @property
    def is_the_same(self) -> bool:
        """Whether it came wrong in the same way so often that it will not come otherwise from who gave it."""
        return max(self.found.values(), default=0) >= SAME


class Trust:
    """Of `sources` sources, by number, in what they gave of `blobs` blobs, by number. `banned`: the liars."""

    def __init__(self, blobs: int, sources: int) -> None:
        self.banned: Set[int] = set()
        self.lies = [0] * sources
        self._has_proved: Set[int] = set()
        self._given = Provenance(blobs)
        self._inquiries: List[_Inquiry] = [_Inquiry() for _ in range(blobs)]

    def gave(self, blob: int, source: int, ranges: Sequence[Range]) -> None:
        """`source` (or EARLIER) gave these bytes of `blob`."""
        self._given.gave(blob, source, ranges)

    def agreed(self, blob: int, source: int, ranges: Sequence[Range]) -> None:
        """`source` gave these bytes of `blob` again, just as whoever is suspected."""
        is_its_own = source == self._inquiries[blob].suspect
        self._given.gave(blob, source if is_its_own else AGREED, ranges)

    def compares(self, blob: int) -> bool:
        """Whether what comes of `blob` is to be compared with what is there."""
        return self._inquiries[blob].suspect is not None

    def must_repeat(self, blob: int, source: int) -> bool:
        """Whether what `source` gives of `blob` counts only where it is what stands there: it was the same one's."""
        return self._inquiries[blob].suspect == source

    def changed(self, blob: int, ranges: Sequence[Range]) -> None:
        """These bytes came as something else than before, from the same source.

        Of a slow link's bytes a block comes in many parts, each of which counts by itself.
        """
        changed = self._inquiries[blob].changed
        for times in range(MOST):
            if not ranges:
                break
            if len(changed) == times:
                changed.append(RangeSet())
            again = [part for start, end in ranges for part in changed[times].parts(start, end)]
            for start, end in ranges:
                changed[times].add(start, end)
            ranges = again

    def unsteady(self, blob: int) -> Optional[Range]:
        """A block of `blob` of which something came as something else too often."""
        changed = self._inquiries[blob].changed
        if len(changed) < MOST:
            return None
        start = min(changed[-1])[0] // BLOCK * BLOCK
        return start, start + BLOCK

    def givers(self, blob: int) -> AbstractSet[int]:
        """The sources that gave bytes of `blob` as it stands."""
        return self._given.givers(blob).keys() - {EARLIER, AGREED}

    def good(self, blob: int) -> Optional[int]:
        """The blob is right: who must have been wrong before, if that can be told."""
        inquiry = self._inquiries[blob]
        suspect = None if inquiry.is_sure else inquiry.suspect
        if suspect is not None:
            self._accuse(suspect)
        self._has_proved.update(self.givers(blob))
        inquiry.is_alone = False
        self._end(inquiry)
        return suspect

    def wrong(self, blob: int, found: str) -> Verdict:
        """The blob is all there and hashes to `found`: what is to be dropped, and who is to blame."""
        inquiry = self._inquiries[blob]
        givers = self._given.givers(blob)
        if inquiry.suspect is not None:
            inquiry.tried.add(inquiry.suspect)
            inquiry.suspect, inquiry.is_sure = None, False
        if len(givers) == 1 and AGREED not in givers:
            (liar,) = givers
            self._accuse(liar)
            if liar != EARLIER:
                self._count(inquiry, found)
            inquiry.suspect, inquiry.is_sure = liar, True
            return Verdict(drop=self._given.take(blob, liar), liar=liar)
        suspects = givers.keys() - inquiry.tried - {AGREED}
        if not suspects:
            self._count(inquiry, found)
            self.forget(blob)
            inquiry.is_alone = True
            return Verdict()
        suspect = min(suspects, key=lambda one: (self._rank(one), givers[one], one))
        inquiry.suspect = suspect
        return Verdict(drop=self._given.take(blob, suspect), suspect=suspect)

    def lost(self, blob: int) -> None:
        """The blob's bytes are gone from their place, which was no source's fault."""
        self._count(self._inquiries[blob], "")
        self.forget(blob)

    def forget(self, blob: int) -> None:
        """All of the blob is to come anew."""
        self._given.take_all(blob)
        self._end(self._inquiries[blob])

    def times_wrong(self, blob: int) -> int:
        """How often the blob came wrong as a whole."""
        return self._inquiries[blob].times_wrong

    def is_hopeless(self, blob: int, giving: Sequence[int]) -> bool:
        """Whether to fetch it once more is of no use. `giving`: who gives it; one may be left that never lied."""
        if self.unsteady(blob):
            return True
        is_one_left = len(self.lies) > 1 and not self.banned.issuperset(giving)
        is_the_same = self._inquiries[blob].is_the_same
        return self.times_wrong(blob) >= MOST or (is_the_same and not is_one_left)

    def is_doubted(self, blob: int) -> bool:
        """Whether not every source may be asked for it."""
        inquiry = self._inquiries[blob]
        return bool(self.banned) or inquiry.suspect is not None or inquiry.is_alone

    def candidates(self, blob: int, usable: Sequence[int], well: AbstractSet[int]) -> Sequence[int]:
        """Which of the `usable` sources may be asked for `blob`; `well`: those that are not failing just now.

        A host that is gone may be gone for hours: meanwhile a liar's word, which is proved as any other, is better
        than nothing, unless it has said the same wrong thing again and again.
        """
        inquiry = self._inquiries[blob]
        honest = [one for one in usable if one not in self.banned]
        if not honest or (well.isdisjoint(honest) and not inquiry.is_the_same):
            honest = list(usable)
        others = [one for one in honest if one != inquiry.suspect]
        if not well.isdisjoint(others):
            honest = others
        if inquiry.is_alone and honest:
            honest = [one for one in honest if one in well] or honest
            return [honest[inquiry.times_wrong % len(honest)]]
        return honest

    def _rank(self, source: int) -> Tuple[int, bool]:
        """Who is suspected first: liars; what is older, where one source has to give it all again; the unproved."""
        if source != EARLIER:
            return -self.lies[source], source in self._has_proved
        return -1 if len(self.lies) == 1 else 0, False

    def _accuse(self, source: int) -> None:
        if source != EARLIER:
            self.lies[source] += 1
            if len(self.lies) > 1:
                self.banned.add(source)

    @staticmethod
    def _end(inquiry: _Inquiry) -> None:
        """Nobody is suspected any more."""
        inquiry.suspect, inquiry.is_sure = None, False
        inquiry.tried.clear()
        inquiry.changed.clear()

    def _count(self, inquiry: _Inquiry, found: str) -> None:
        inquiry.found[found] = inquiry.found.get(found, 0) + 1
