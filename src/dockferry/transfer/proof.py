"""Proof: which blobs are proved, how far the others are hashed, and what happens when a hash is wrong.

Strategy: this is the one gate: a blob is good when it is complete and its frontier says so, and in no other way. What
of a blob that hashes wrong is fetched again, and who is to blame, is for `trust` to say. Then it is hashed anew, from
disk; and as it stands whenever other bytes came, so that what was right is not fetched again for what was wrong.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import AbstractSet, Callable, Deque, Sequence, Set

from ..events import BlobDone
from .blame import Blame
from .frontier import Frontier
from .ledger import Ledger
from .pool import Pool
from .provenance import EARLIER
from .ranges import Range
from .shared import Shared, Stopped
from .trial import Trials
from .trust import Trust, Verdict

OnDrop = Callable[[int, Sequence[Range]], None]

_LAG = 32 * 1024 * 1024
"""Bytes that a blob's hash may lie behind what could be hashed before its connections are held back."""
_IN_ONE = 2
"""A blob that came wrong this often as a whole is brought by one connection."""


@dataclass
class Reading:
    """What is to be hashed from disk: `frontier` of blob `number`, on to `end`. `is_trial`: of a blob in doubt."""

    number: int
    frontier: Frontier
    end: int
    is_trial: bool = False


class Proof:
    """`good`: the numbers of the blobs that are proved.

    `on_drop` is told, under the lock, whose bytes were wrong, and which of them are kept all the same.
    """

    def __init__(
        self,
        shared: Shared,
        ledger: Ledger,
        pool: Pool,
        trust: Trust,
        on_drop: OnDrop,
    ) -> None:
        self.frontiers = [Frontier(state.blob) for state in ledger.states]
        self.good: Set[int] = set()
        self._shared, self._ledger, self._pool, self._trust = shared, ledger, pool, trust
        self._on_drop = on_drop
        self._blame = Blame(shared, pool.states, trust)
        self._trials = Trials()
        self._to_read: Deque[int] = deque()
        self._resting = 0
        """Hashers that wait for something to hash."""
        self._from_disk = {number for number, state in enumerate(ledger.states) if state.had.total}
        for number in self._from_disk:
            trust.gave(number, EARLIER, list(ledger.states[number].had))
        with shared.lock:
            for number in range(len(self.frontiers)):
                self.look_at(number)
            self._end_if_good()

    # By workers

    def hold(self, number: int, ranges: Sequence[Range]) -> bool:
        """Whether the first of `ranges` stands at the frontier, which is then held for it. Under the lock."""
        frontier = self.frontiers[number]
        if not ranges or frontier.held or ranges[0][0] != frontier.offset or self._trials.is_doubted(number):
            return False
        frontier.held = True
        return True

    def release(self, number: int, offset: int) -> None:
        """The frontier that was held for a worker has come to `offset`. Under the lock."""
        frontier = self.frontiers[number]
        frontier.offset, frontier.held = offset, False

    def keep_pace(self, number: int) -> None:
        """Wait while the blob's hash lies far behind: a processor that receives cannot hash, and the last byte's hash
        ends the transfer. What was on disk before is no reason to wait.
        """
        with self._shared.lock:
            while not self._shared.is_over and number not in self._from_disk and self._behind(number) > _LAG:
                self._shared.paced.wait()

    def is_doubted(self, number: int) -> bool:
        """Whether the blob came wrong, and is compared with what comes again. With or without the lock."""
        return self._trials.is_doubted(number)

    def may_be_held_back(self, number: int) -> bool:
        """Whether a connection that is quiet may be waiting in `keep_pace`. Under the lock."""
        return self._behind(number) > _LAG // 2

    @property
    def is_hasher_free(self) -> bool:
        """Whether one would begin at once with what is left to it. Under the lock."""
        return self._resting > len(self._to_read)

    # By hashers

    def next_reading(self) -> Reading:
        """Wait for a frontier that can move, and hold it, or for a blob to try. Raises Stopped."""
        with self._shared.lock:
            while not self._shared.is_over:
                while self._to_read:
                    number = self._to_read.popleft()
                    frontier = self.frontiers[number]
                    if number not in self.good and not frontier.held and self._behind(number):
                        frontier.held = True
                        return Reading(number, frontier, frontier.offset + self._behind(number))
                tried = self._trials.maybe_begin()
                if tried is not None:
                    frontier = self.frontiers[tried]
                    fork = Frontier(frontier.blob) if frontier.held else frontier.fork()
                    return Reading(tried, fork, frontier.blob.size, is_trial=True)
                self._resting += 1
                self._shared.hashing.wait()
                self._resting -= 1
            raise Stopped

    def advance(self, reading: Reading, count: int) -> bool:
        """`count` more bytes are hashed, 0 if the destination has no more. True: the reading is over, and let go."""
        with self._shared.lock:
            reading.frontier.offset += count
            if reading.is_trial:
                return self._advance_trial(reading, count)
            if reading.number in self.good:  # a trial was faster
                return True
            if not count:
                self._lost(reading.number)
                return True
            return self._advance(reading)

    def _advance(self, reading: Reading) -> bool:
        number, frontier = reading.number, reading.frontier
        behind = self._behind(number)
        if behind <= _LAG // 2:
            self._shared.paced.notify_all()
        frontier.held = behind > 0 and not self._shared.is_over
        if frontier.held:
            reading.end = frontier.offset + behind
        else:
            self.look_at(number)
        return not frontier.held

    def _advance_trial(self, reading: Reading, count: int) -> bool:
        number, frontier = reading.number, reading.frontier
        is_wanted = self._trials.is_doubted(number) and not self._shared.is_over
        if count and is_wanted and frontier.offset < frontier.blob.size:
            return False
        is_still_so = self._trials.ended(number) and not self._ledger.states[number].writing.total
        if frontier.is_good and is_still_so:
            self._ledger.complete(number)
            self._on_drop(number, list(self._ledger.states[number].had))
            self.frontiers[number] = frontier
            self._pass(number)
            self._shared.work.notify_all()
        elif frontier.is_good:
            self._trials.changed(number)
        if self._trials.is_doubted(number):
            self._shared.hashing.notify()
        return True

    def _lost(self, number: int) -> None:
        """The destination did not have the bytes that the ledger claims: they are missing again."""
        frontier = self.frontiers[number]
        frontier.held = False
        self._trust.lost(number)
        if not self._maybe_give_up(number, self._trust.givers(number)):
            self._blame.lost(frontier)
            self._begin_again(number, Verdict())

    # Under the lock

    def look_at(self, number: int) -> None:
        """A blob has changed: wake a hasher, or let it through the gate."""
        frontier, state = self.frontiers[number], self._ledger.states[number]
        if frontier.held or number in self.good:
            return
        if self._behind(number):
            self._want_read(number)
        elif state.is_complete and frontier.is_good:
            self._pass(number)
        elif state.is_complete:
            self._fetch_again(number)

    def changed(self, number: int) -> None:
        """Of a blob in doubt bytes came that are others than what stood there."""
        self._trials.changed(number)
        self._shared.hashing.notify()
        self._maybe_give_up(number, self._trust.givers(number))

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
        self._trials.settle(number)
        self._shared.tell(BlobDone(str(blob.digest), blob.size))
        liar = self._trust.good(number)
        if liar is not None:
            self._blame.lied(liar, self.frontiers[number])
        self._end_if_good()

    def _fetch_again(self, number: int) -> None:
        frontier = self.frontiers[number]
        givers = self._trust.givers(number)
        verdict = self._trust.wrong(number, frontier.found)
        if not self._maybe_give_up(number, givers):
            self._blame.wrong(frontier, verdict, givers)
            self._begin_again(number, verdict)

    def _maybe_give_up(self, number: int, givers: AbstractSet[int]) -> bool:
        """End the transfer where to ask once more is of no use; whether that is so."""
        is_hopeless = self._trust.is_hopeless(number, self._pool.usable(number))
        if is_hopeless:
            self._shared.end(self._blame.given_up(number, self.frontiers[number], givers))
        return is_hopeless

    def _begin_again(self, number: int, verdict: Verdict) -> None:
        """Drop what is wrong of a blob; hash the rest anew, from disk."""
        self._ledger.drop(number, verdict.drop)
        self._ledger.states[number].in_one = self._trust.times_wrong(number) >= _IN_ONE
        self.frontiers[number].reset()
        self._from_disk.add(number)
        if verdict.drop is None:
            self._trials.settle(number)
        else:
            self._trials.doubt(number)
        self._on_drop(number, list(self._ledger.states[number].had))
        self._shared.paced.notify_all()
        self._shared.work.notify_all()
        if self._behind(number):
            self._want_read(number)

    def _want_read(self, number: int) -> None:
        """The frontier could move; once it is held its holder looks at it again."""
        self._to_read.append(number)
        self._shared.hashing.notify()

    def _end_if_good(self) -> None:
        if len(self.good) == len(self.frontiers):
            self._shared.end(None)
