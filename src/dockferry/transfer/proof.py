"""Proof: which blobs are proved, how far the others are hashed, and what happens when a hash is wrong.

Strategy: this is the one gate: a blob is good when it is complete and its frontier says so, and in no other way. A
blob that hashes wrong is dropped whole and fetched again; who is to blame is for `trust` to say.
"""

from __future__ import annotations

from typing import AbstractSet, Callable, List, Sequence, Set, Tuple

from ..errors import ContentError
from ..events import BlobDone, Warned
from .frontier import Frontier
from .jobs import SourceState
from .ledger import Ledger
from .ranges import Range
from .shared import Shared, Stopped
from .trust import Trust

_LAG = 32 * 1024 * 1024
"""Bytes that a blob's hash may lie behind what could be hashed before its connections are held back."""


class Proof:
    """`good`: the numbers of the blobs that are proved. `on_drop` is told, under the lock, whose bytes were wrong."""

    def __init__(
        self,
        shared: Shared,
        ledger: Ledger,
        sources: Sequence[SourceState],
        trust: Trust,
        on_drop: Callable[[int], None],
    ) -> None:
        self.frontiers = [Frontier(state.blob) for state in ledger.states]
        self.good: Set[int] = set()
        self._shared, self._ledger, self._sources, self._trust = shared, ledger, sources, trust
        self._on_drop = on_drop
        self._from_disk = {number for number, state in enumerate(ledger.states) if state.had.total}
        with shared.lock:
            for number in range(len(self.frontiers)):
                self.look_at(number)
            self._end_if_good()

    # By workers

    def hold(self, number: int, ranges: Sequence[Range]) -> bool:
        """Whether the first of `ranges` stands at the frontier, which is then held for it. Under the lock."""
        frontier = self.frontiers[number]
        if not ranges or frontier.held or ranges[0][0] != frontier.offset:
            return False
        frontier.held = True
        return True

    def release(self, number: int, offset: int) -> None:
        """The frontier that was held for a worker has come to `offset`. Under the lock."""
        frontier = self.frontiers[number]
        frontier.offset, frontier.held = offset, False

    def keep_pace(self, number: int) -> None:
        """Wait while the blob's hash lies far behind: a processor that receives cannot hash, and the last byte's hash
        ends the transfer. What an earlier run left is no reason to wait.
        """
        with self._shared.lock:
            while not self._shared.is_over and number not in self._from_disk and self._behind(number) > _LAG:
                self._shared.paced.wait()

    # By hashers

    def next_hash(self) -> Tuple[int, int]:
        """Wait for a frontier that can move and hold it: its blob's number, and where to. Raises Stopped."""
        with self._shared.lock:
            while not self._shared.is_over:
                for number, frontier in enumerate(self.frontiers):
                    if number not in self.good and not frontier.held and self._behind(number):
                        frontier.held = True
                        return number, frontier.offset + self._behind(number)
                self._shared.hashing.wait()
            raise Stopped

    def hashed(self, number: int, count: int) -> int:
        """The holder has hashed `count` more bytes: where to go on to, still holding; 0 to let go."""
        with self._shared.lock:
            frontier = self.frontiers[number]
            frontier.offset += count
            behind = self._behind(number)
            if behind <= _LAG // 2:
                self._shared.paced.notify_all()
            frontier.held = behind > 0 and not self._shared.is_over
            if frontier.held:
                return frontier.offset + behind
            self.look_at(number)
            return 0

    def lost(self, number: int) -> None:
        """The destination did not have the bytes that the ledger claims: they are missing again."""
        with self._shared.lock:
            self.frontiers[number].held = False
            self._fetch_again(number, "the unfinished file is shorter than its journal says")

    # Under the lock

    def look_at(self, number: int) -> None:
        """A blob has changed: wake a hasher, or let it through the gate."""
        frontier, state = self.frontiers[number], self._ledger.states[number]
        if frontier.held or number in self.good:
            return
        if self._behind(number):
            self._shared.hashing.notify()
        elif state.is_complete and frontier.is_good:
            self._pass(number)
        elif state.is_complete:
            self._fetch_again(number, f"it hashes to {frontier.found}")

    def is_checking(self, number: int) -> bool:
        """Whether bytes of this blob are being read back, or wait for it."""
        return number not in self.good and (self.frontiers[number].held or self._behind(number) > 0)

    def _behind(self, number: int) -> int:
        """Bytes by which the frontier could move now."""
        offset = self.frontiers[number].offset
        return self._ledger.states[number].had.contiguous_end(offset) - offset

    def _pass(self, number: int) -> None:
        blob = self.frontiers[number].blob
        self.good.add(number)
        self._shared.tell(BlobDone(str(blob.digest), blob.size))
        liars = self._trust.good(number)
        if liars:
            self._shared.tell(Warned(f"{self._names(liars)} gave wrong bytes of {blob.digest}: asked last now"))
        self._end_if_good()

    def _fetch_again(self, number: int, why: str) -> None:
        frontier = self.frontiers[number]
        if number in self._from_disk:
            self._from_disk.discard(number)
            self._trust.forget(number)
            message = f"what an earlier run left of {frontier.blob.digest} is wrong ({why}): fetching it again"
        else:
            names = self._names(self._trust.wrong(number, frontier.found))
            if self._trust.is_hopeless(number):
                self._shared.end(self._given_up(number, names))
                return
            message = f"{frontier.blob.digest} from {names} is wrong ({why}): fetching it again"
        self._shared.tell(Warned(message))
        self._ledger.drop(number)
        frontier.reset()
        self._on_drop(number)
        self._shared.paced.notify_all()
        self._shared.work.notify_all()

    def _given_up(self, number: int, names: str) -> ContentError:
        frontier, times = self.frontiers[number], self._trust.times_wrong(number)
        return ContentError(
            f"wanted {frontier.blob.digest} ({frontier.blob.size} bytes) from {names}, "
            f"got {frontier.found}, and {times} times in all something wrong",
            remedy="try another mirror with -r",
        )

    def _names(self, numbers: AbstractSet[int]) -> str:
        """Of these sources, or of all where nobody in particular is meant."""
        chosen: List[str] = [one.source.name for one in self._sources if not numbers or one.number in numbers]
        return ", ".join(chosen)

    def _end_if_good(self) -> None:
        if len(self.good) == len(self.frontiers):
            self._shared.end(None)
