"""The ledger: which ranges of which blobs are had, being written, in flight or missing. No I/O, no clock, no lock.

Strategy: *had* bytes are on disk. A *run* claims `[pos, end)`; what it received is first reserved (`begin`), then
written by the caller, then had (`commit`). Bytes that are had, or that another run has reserved, are never given out
for writing again: so nothing that was hashed can change under a late twin.
"""

from __future__ import annotations

import heapq
from typing import Container, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ..oci.descriptor import Descriptor
from .inflow import Inflow
from .ranges import Range, RangeSet

_WINDOW = 2.0
"""Seconds over which a run's speed is taken."""


class Run:
    """A piece in progress: `[pos, end)` of blob number `blob` is still to come.

    `end` may be lowered by a thief at any time. `in_hand` bytes at `pos` have come and are not handed in yet, as its
    own thread tells, and so `inflow`, how they come. `twin` says that another run covers the same bytes. `source` is
    the number of who is asked, `last_at` when the last byte came, or the run began.
    """

    __slots__ = (
        "_mark_at",
        "_mark_received",
        "began",
        "blob",
        "end",
        "in_hand",
        "inflow",
        "last_at",
        "pos",
        "received",
        "source",
        "twin",
    )

    def __init__(self, blob: int, pos: int, end: int, now: float, source: int = 0) -> None:
        self.blob = blob
        self.source = source
        self.pos = pos
        self.end = end
        self.began = now
        self.received = 0
        self.in_hand = 0
        self.inflow = Inflow(now)
        self.twin = False
        self.last_at = self._mark_at = now
        self._mark_received = 0

    @property
    def remaining(self) -> int:
        """Bytes that are not handed in."""
        return max(0, self.end - self.pos)

    @property
    def to_come(self) -> int:
        """Bytes that have not come."""
        return max(0, self.end - self.pos - self.in_hand)

    def count(self, received: int, now: float) -> None:
        """`received` more bytes came."""
        if now - self._mark_at > _WINDOW:
            self._mark_at, self._mark_received = now, self.received
        self.received += received
        self.last_at = now

    def speed(self, now: float) -> Optional[float]:
        """Bytes a second of late, 0 in a silence; None if it cannot be told: nothing came yet, or it just began."""
        if self.received and now - self.last_at > _WINDOW:
            return 0.0
        span = now - self._mark_at
        if self.received == 0 or (span < 0.5 and self._mark_received == 0):
            return None
        if span < 0.1:
            return self.received / max(1e-3, now - self.began)
        return (self.received - self._mark_received) / span

    def speed_so_far(self, now: float) -> float:
        """The same, of a young run too: what has come since it began, the wait for it included."""
        speed = self.speed(now)
        return (self.received + self.in_hand) / max(1e-3, now - self.began) if speed is None else speed


class BlobState:
    """One blob's part of the ledger. `one_stream`: the sources that ignore ranges of it, and since when.

    `in_one`: it is brought by one connection at a time, as one long range, for it has come wrong again and again: the
    fewer replies it is made of, the likelier all of them are right. `failures`: runs that failed since the last new
    byte. `inflow`: that of the last run that is over, which the next one is taken to be like.
    """

    __slots__ = ("blob", "failures", "had", "in_one", "inflow", "one_stream", "runs", "writing")

    def __init__(self, blob: Descriptor, had: RangeSet) -> None:
        self.blob = blob
        self.had = had
        self.writing = RangeSet()
        self.runs: List[Run] = []
        self.one_stream: Dict[int, float] = {}
        self.in_one = False
        self.failures = 0
        self.inflow: Optional[Inflow] = None

    @property
    def is_complete(self) -> bool:
        return self.had.total == self.blob.size

    def is_shared(self, source: int) -> bool:
        """Whether several connections to `source`, by number, may bring it together."""
        return not self.in_one and source not in self.one_stream

    def is_flooding(self, now: float) -> bool:
        """Whether its last connection, which is over, was a flood: so will be the next, and need no other."""
        return not self.runs and self.inflow is not None and self.inflow.heir(now).is_flood(now)

    def gaps(self) -> Iterator[Range]:
        """What nobody has and nobody was given, in order."""
        taken = RangeSet(self.had)
        for start, end in self.writing:
            taken.add(start, end)
        for run in self.runs:
            taken.add(run.pos, run.end)
        return taken.gaps(0, self.blob.size)


class Ledger:
    """All blobs of one transfer, by number. `had` gives what an earlier run left on disk.

    `missing`: bytes that are not had; `unfinished`: blobs that are not complete.
    """

    def __init__(self, blobs: Sequence[Descriptor], had: Optional[Sequence[RangeSet]] = None) -> None:
        had = had or [RangeSet() for _ in blobs]
        self.states = [BlobState(blob, ranges.copy()) for blob, ranges in zip(blobs, had)]
        self.size = sum(blob.size for blob in blobs)
        self.missing = self.size - sum(state.had.total for state in self.states)
        self.unfinished = sum(not state.is_complete for state in self.states)
        self._waiting = [self._rank(number) for number in range(len(self.states))]
        """Of the blobs that no connection brings; an entry may have become untrue, and is then passed over."""
        heapq.heapify(self._waiting)
        self._busy: Dict[int, BlobState] = {}

    def next_waiting(self, closed: Container[int]) -> Optional[int]:
        """The blob that should be begun next, of those that no connection brings and that are not `closed`.

        The largest of those that failed least, found without a look at every other one.
        """
        found, passed = None, []
        while self._waiting and found is None:
            rank = heapq.heappop(self._waiting)
            number = rank[-1]
            state = self.states[number]
            if state.runs or state.is_complete:
                continue  # it comes back when that has changed
            now = self._rank(number)
            if rank != now:
                heapq.heappush(self._waiting, now)
                continue
            passed.append(rank)
            if number not in closed:
                found = number
        for rank in passed:
            heapq.heappush(self._waiting, rank)
        return found

    def busy(self, closed: Container[int]) -> Iterable[Tuple[int, BlobState]]:
        """The blobs that connections bring, and that are not `closed`, by number."""
        return [(number, state) for number, state in self._busy.items() if number not in closed]

    def _rank(self, number: int) -> Tuple[int, int, int]:
        state = self.states[number]
        return state.failures, state.had.total - state.blob.size, number

    def _changed(self, number: int, before: int) -> None:
        """Of the blob `before` bytes were had, and others are now."""
        state = self.states[number]
        self.missing += before - state.had.total
        self.unfinished += (not state.is_complete) - (before != state.blob.size)
        if not state.runs and not state.is_complete:
            heapq.heappush(self._waiting, self._rank(number))

    def claim(self, blob: int, start: int, end: int, now: float, source: int = 0) -> Run:
        """Give `[start, end)` of a blob to one connection, which asks `source`."""
        state = self.states[blob]
        run = Run(blob, start, end, now, source)
        if state.inflow is not None:
            run.inflow = state.inflow.heir(now)
        state.runs.append(run)
        self._busy[blob] = state
        return run

    def begin(self, run: Run, count: int, now: float) -> List[Range]:
        """`count` bytes came at `run.pos`: reserve those of them that are wanted, and move the run on.

        The ranges that come back, in order, are the caller's to write, and then to `commit`.
        """
        state = self.states[run.blob]
        start, end = run.pos, min(run.pos + count, run.end)
        run.pos += count
        run.in_hand = 0
        run.count(count, now)
        wanted = [part for low, high in state.had.gaps(start, end) for part in state.writing.gaps(low, high)]
        for low, high in wanted:
            state.writing.add(low, high)
        if state.had.covers(run.pos, run.end):
            run.end = run.pos
        return wanted

    def commit(self, run: Run, ranges: Sequence[Range]) -> None:
        """The reserved `ranges` are on disk."""
        state = self.states[run.blob]
        before = state.had.total
        for start, end in ranges:
            state.writing.remove(start, end)
            state.had.add(start, end)
        self._changed(run.blob, before)

    def cancel(self, run: Run, ranges: Sequence[Range]) -> None:
        """The reserved `ranges` could not be written."""
        for start, end in ranges:
            self.states[run.blob].writing.remove(start, end)

    def release(self, run: Run) -> None:
        """The run is over; what it did not bring is missing again."""
        state = self.states[run.blob]
        state.inflow = run.inflow
        runs = state.runs
        runs.remove(run)
        if not runs:
            del self._busy[run.blob]
            self._changed(run.blob, state.had.total)
        for other in runs:
            other.twin = any(third is not other and third.pos < other.end and other.pos < third.end for third in runs)

    def needless(self, blob: int) -> List[Run]:
        """Runs of a blob whose every byte to come is had already: their twins were faster.

        Not those that have brought all of theirs: to abort these is to lose a connection that could be used again.
        """
        state = self.states[blob]
        return [run for run in state.runs if run.remaining and state.had.covers(run.pos, run.end)]

    def restart(self, run: Run) -> bool:
        """The source gives the whole blob, from 0, and no other gives ranges of it: make `run` that one stream.

        False, and nothing changed, if another run of the blob is in flight: this one should be given up. What the
        stream brings again and is had already is passed over by `begin`.
        """
        state = self.states[run.blob]
        if any(other is not run for other in state.runs):
            return False
        run.pos, run.end = 0, state.blob.size
        return True

    def extend(self, run: Run) -> bool:
        """The reply goes on after `run.end`: take what comes next, if nobody has it or was given it.

        A run that has the blob to itself passes over what is had, up to the last gap.
        """
        state = self.states[run.blob]
        is_alone = all(other is run for other in state.runs)
        run.end = max([run.end, *(high for low, high in state.gaps() if is_alone or low == run.end)])
        return run.remaining > 0

    def give_up(self, run: Run) -> None:
        """What has not come is missing again, at once, and no more is taken of it but what the run has in hand."""
        run.end = min(run.end, run.pos + run.in_hand)

    def complete(self, blob: int) -> None:
        """All of a blob stands as it should: what is in flight is not needed."""
        state = self.states[blob]
        before = state.had.total
        state.had = RangeSet([(0, state.blob.size)])
        for run in state.runs:
            run.end = run.pos
        self._changed(blob, before)

    def drop(self, blob: int, wrong: Optional[RangeSet] = None) -> None:
        """Bytes of a blob (None: all) are wrong: they are missing again."""
        state = self.states[blob]
        for run in state.runs:  # twins that came too late: theirs may be the same bytes
            run.end = run.pos
        before = state.had.total
        if wrong is None:
            state.had = RangeSet()
        else:
            for start, end in wrong:
                state.had.remove(start, end)
        self._changed(blob, before)
