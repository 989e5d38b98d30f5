"""Blame: what is told of wrong bytes: of which blob, from whom, and what is done about them."""

from __future__ import annotations

from typing import AbstractSet, Sequence

from ..errors import ContentError
from ..events import Warned
from ..message import Message
from ..text import human_size
from .frontier import Frontier
from .provenance import EARLIER
from .shared import Shared
from .source_state import SourceState
from .trust import Trust, Verdict


class Blame:
    """Methods are called under the transfer's lock."""

    def __init__(self, shared: Shared, sources: Sequence[SourceState], trust: Trust) -> None:
        self._shared, self._sources, self._trust = shared, sources, trust

    def wrong(self, frontier: Frontier, verdict: Verdict, givers: AbstractSet[int]) -> None:
        """The blob of `frontier`, which `givers` gave, hashes wrong: that, and what is in doubt, is told."""
        wrong = Message("{} is wrong (it hashes to {})", frontier.blob.digest, frontier.found)
        if verdict.drop is not None and verdict.suspect is not None:
            amount, name = human_size(verdict.drop.total), self._name(verdict.suspect)
            self._shared.tell(Warned(Message("{}: in doubt {} from {}: fetching it again", wrong, amount, name)))
        else:
            names = self._names(givers) if verdict.liar is None else self._name(verdict.liar)
            self._shared.tell(Warned(Message("{}, from {}: fetching it again", wrong, names)))
        if verdict.liar is not None:
            self.lied(verdict.liar, frontier)

    def lied(self, liar: int, frontier: Frontier) -> None:
        """A source, by number, or EARLIER gave wrong bytes: it is counted, and named where it is banned for it."""
        if liar == EARLIER:
            return
        source = self._sources[liar]
        source.wrong += 1
        if liar in self._trust.banned and source.wrong == 1:
            digest = frontier.blob.digest
            self._shared.tell(
                Warned(
                    Message("{} gave wrong bytes of {}: not asked any more while others can be", source.name, digest)
                )
            )

    def lost(self, frontier: Frontier) -> None:
        """Bytes that were written are not there any more."""
        why = "{}: the unfinished file is shorter than its journal says: fetching it again"
        self._shared.tell(Warned(Message(why, frontier.blob.digest)))

    def given_up(self, number: int, frontier: Frontier, givers: AbstractSet[int]) -> ContentError:
        """What ends the transfer: blob `number` cannot be had right."""
        unsteady = self._trust.unsteady(number)
        if unsteady is not None:
            last = min(unsteady[1], frontier.blob.size) - 1
            got = Message("other bytes each time it gave {}-{}", unsteady[0], last)
        else:
            times = self._trust.times_wrong(number)
            got = Message("{}, and {} times in all something wrong", frontier.found, times)
        return ContentError(
            "wanted {} ({} bytes) from {}, got {}",
            frontier.blob.digest,
            frontier.blob.size,
            self._names(givers),
            got,
            remedy="try another mirror with -r",
        )

    def _names(self, numbers: AbstractSet[int]) -> str:
        """Of these sources, or of all where nobody in particular is meant."""
        return ", ".join(one.name for one in self._sources if not numbers or one.number in numbers)

    def _name(self, number: int) -> str:
        return Message("an earlier run") if number == EARLIER else self._sources[number].name
