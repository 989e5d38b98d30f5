"""What the threads of one transfer share, and the lock that guards it.

Strategy: every method is one short decision under the lock; receiving, hashing and writing happen outside it. The
ledger, the scheduler, the retry policy and the governor are pure: this module gives them the clock and the luck.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import AbstractSet, Callable, Deque, Dict, List, Optional, Sequence, Set

from ..errors import BusyError, ConnectError, ContentError, DockferryError, NetworkError
from ..events import BlobDone, Event, Retry, Warned
from ..oci.descriptor import Descriptor
from .frontier import Frontier
from .governor import Governor
from .ledger import Ledger, Run
from .protocols import Delivery, Source
from .ranges import Range, RangeSet
from .retry import Health, RetryPolicy
from .scheduler import Rules, assign, choose
from .trust import Trust

_RECONSIDER = 0.25
"""Seconds after which an idle connection looks again whether something is worth stealing."""


class Stopped(Exception):
    """The transfer is over: a thread that gets this goes home."""


@dataclass
class SourceState:
    """One source's standing, by its place among the sources. `refused`: blobs that it does not give."""

    number: int
    source: Source
    health: Health = field(default_factory=Health)
    refused: Set[int] = field(default_factory=set)


@dataclass
class Worker:
    """One connection's standing: `failures` in a row, on a source that was well otherwise."""

    number: int
    failures: int = 0
    resting_until: float = float("-inf")
    speed: Optional[float] = None


@dataclass
class Job:
    """A run in a worker's hands."""

    run: Run
    blob: Descriptor
    source: SourceState
    worker: Worker
    began: float
    delivery: Optional[Delivery] = None
    reserved: Sequence[Range] = ()


@dataclass(frozen=True)
class Reservation:
    """What of a chunk is to be written; `hashes`: the first range stands at the frontier, which is held for it."""

    ranges: Sequence[Range]
    hashes: bool


class TransferState:
    """See the module. `had` gives what was on disk before; `is_over` is set once, by success, failure or stop."""

    def __init__(
        self,
        blobs: Sequence[Descriptor],
        sources: Sequence[Source],
        had: Sequence[RangeSet],
        *,
        policy: RetryPolicy,
        governor: Governor,
        rules: Rules,
        luck: Callable[[], float],
        on_drop: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = threading.Lock()
        self.work = threading.Condition(self.lock)
        self.hashing = threading.Condition(self.lock)
        self.main = threading.Condition(self.lock)
        self.ledger = Ledger(blobs, had)
        self.frontiers = [Frontier(blob) for blob in blobs]
        self.sources = [SourceState(number, source) for number, source in enumerate(sources)]
        self.policy, self.governor, self.rules = policy, governor, rules
        self.clock, self.luck, self._on_drop = clock, luck, on_drop
        self.jobs: Dict[Run, Job] = {}
        self._pausing: List[Worker] = []
        self.good: Set[int] = set()
        self.received = 0
        self.is_over = False
        self.error: Optional[BaseException] = None
        self.events: Deque[Event] = deque()
        self._from_disk = {number for number, ranges in enumerate(had) if ranges.total}
        self._trust = Trust(len(blobs), len(sources))
        with self.lock:
            for number in range(len(blobs)):
                self._look_at(number)
            self._end_if_good()

    # Jobs

    def next_job(self, worker: Worker) -> Job:
        """Wait for something to do. Raises Stopped when the transfer is over."""
        with self.lock:
            while not self.is_over:
                now = self.clock()
                job = self.job_now(worker, now)
                if job is not None:
                    return job
                self.work.wait(max(worker.resting_until - now, 0.0) or _RECONSIDER)
            raise Stopped

    def job_now(self, worker: Worker, now: float) -> Optional[Job]:
        """Something to do, if there is something for `worker`. Under the lock."""
        if worker.resting_until > now or not self._has_room(now):
            return None
        return self._assign(worker, now)

    def _has_room(self, now: float) -> bool:
        """Whether one more connection may be used. One that pauses after a failure keeps its place."""
        self._pausing = [worker for worker in self._pausing if worker.resting_until > now]
        return len(self.jobs) + len(self._pausing) < self.governor.target

    def _assign(self, worker: Worker, now: float) -> Optional[Job]:
        ready = [state for state in self.sources if state.health.resting_until <= now]
        if not ready:
            return None
        closed = frozenset(ready[0].refused.intersection(*(state.refused for state in ready)))
        choice = choose(self.ledger, self.governor.target, now, self.rules, worker.speed, closed)
        if choice is None:
            return None
        usable = [state.number for state in ready if choice.blob not in state.refused]
        source = self.sources[self._trust.choose(choice.blob, usable, worker.number)]
        run = assign(self.ledger, choice, now)
        job = Job(run, self.ledger.states[choice.blob].blob, source, worker, now)
        self.jobs[run] = job
        return job

    def attach(self, job: Job, delivery: Delivery) -> bool:
        """A reply has begun. False: it is of no use and the job should be given back. Raises Stopped."""
        with self.lock:
            self._check()
            job.delivery = delivery
            state = self.ledger.states[job.run.blob]
            if state.had.covers(job.run.pos, job.run.end):
                return False
            is_whole = delivery.start == 0 and delivery.end in (None, job.blob.size)
            if delivery.start == job.run.pos and not (is_whole and job.run.end < job.blob.size):
                state.one_stream = False
                return True
            return self.ledger.restart(job.run) or delivery.start == job.run.pos

    def extend(self, job: Job) -> bool:
        """The run is done: may the same reply, if it goes on, serve what comes next?"""
        with self.lock:
            delivery = job.delivery
            goes_on = delivery is not None and (delivery.end is None or delivery.end > job.run.pos)
            return goes_on and self.ledger.states[job.run.blob].one_stream and self.ledger.extend(job.run)

    def begin(self, job: Job, count: int) -> Reservation:
        """`count` bytes came. Raises Stopped; after that nothing more may be written."""
        with self.lock:
            self._check()
            now = self.clock()
            self.received += count
            ranges = self.ledger.begin(job.run, count, now)
            if ranges:  # a reply from 0 that brings again what is had, and dies before it brings more, is no progress
                job.source.health = job.source.health.moved(now)
                job.worker.failures = 0
                self.ledger.states[job.run.blob].failures = 0
                self._trust.gave(job.run.blob, job.source.number)
            frontier = self.frontiers[job.run.blob]
            hashes = bool(ranges) and not frontier.held and ranges[0][0] == frontier.offset
            if hashes:
                frontier.held = True
            job.reserved = ranges
            return Reservation(ranges, hashes)

    def commit(self, job: Job, reservation: Reservation) -> List[Delivery]:
        """The reserved ranges are written, and the first is hashed where it was to be.

        What comes back are deliveries that are of no use any more, to be aborted by the caller.
        """
        number = job.run.blob
        with self.lock:
            self.ledger.commit(job.run, reservation.ranges)
            job.reserved = ()
            if reservation.hashes:
                frontier = self.frontiers[number]
                frontier.offset, frontier.held = reservation.ranges[0][1], False
            self._look_at(number)
            others = [self.jobs[run] for run in self.ledger.needless(number) if run is not job.run]
            return [other.delivery for other in others if other.delivery is not None]

    def finish(self, job: Job, error: Optional[Exception] = None) -> None:
        """The job is over; what it did not bring is missing again. `error` tells why it ended early."""
        with self.lock:
            now = self.clock()
            job.worker.speed = job.run.speed(now) or job.worker.speed
            self.ledger.cancel(job.run, job.reserved)
            job.reserved = ()
            del self.jobs[job.run]
            is_needless = self.ledger.states[job.run.blob].had.covers(job.run.pos, job.run.end)
            self.ledger.release(job.run)
            if isinstance(error, DockferryError) and not (is_needless or self.is_over):
                self._failed(job, error, now)
            self.work.notify_all()

    def _failed(self, job: Job, error: DockferryError, now: float) -> None:
        source, worker, number = job.source, job.worker, job.run.blob
        self.ledger.states[number].failures += 1
        if not error.is_retryable:
            source.refused.add(number)
            if self._is_hopeless(number):
                self._end(error)
            else:
                self._tell(Warned(f"{source.source.name} does not give {job.blob.digest}: {error.message}"))
            return
        asked = error.retry_after if isinstance(error, BusyError) else None
        if source.health.is_alive(job.began):
            if isinstance(error, (BusyError, ConnectError)):
                self.governor.refused(len(self.jobs) + 1, now)
            else:
                self._pausing.append(worker)
            worker.failures += 1
            count = worker.failures
            wait = max(asked or 0.0, min(10.0, 0.05 * 2.0**count)) * (0.5 + self.luck() / 2)
            worker.resting_until = now + wait
        else:
            wait = self.policy.wait(source.health.failures + 1, self.luck(), asked)
            source.health = source.health.failed(job.began, now, wait)
            count = source.health.failures
        self._tell(Retry(str(job.blob.digest), count, error.message, wait, source.source.name))
        if self._is_hopeless(number):
            self._end(NetworkError(error.message, remedy="run the same command again to go on from here"))

    def _is_hopeless(self, number: int) -> bool:
        """Whether no source gives this blob: each has refused it, or has been tried as often as the policy says."""
        return all(number in state.refused or state.health.failures >= self.policy.attempts for state in self.sources)

    def govern(self, now: float) -> None:
        """Let the governor look at the goodput. Under the lock."""
        before = self.governor.target
        if self.governor.sample(now, self.received, len(self.jobs) >= before) > before:
            self.work.notify_all()

    # Hashing

    def next_hash(self) -> int:
        """Wait for a frontier that has bytes before it and hold it: its blob's number. Raises Stopped."""
        with self.lock:
            while not self.is_over:
                for number, frontier in enumerate(self.frontiers):
                    if number not in self.good and not frontier.held and self.hash_end(number) > frontier.offset:
                        frontier.held = True
                        return number
                self.hashing.wait()
            raise Stopped

    def hash_end(self, number: int) -> int:
        """How far a frontier could move now."""
        return self.ledger.states[number].had.contiguous_end(self.frontiers[number].offset)

    def hashed(self, number: int, count: int) -> bool:
        """The holder has hashed `count` more bytes: True to go on holding and hashing."""
        with self.lock:
            frontier = self.frontiers[number]
            frontier.offset += count
            frontier.held = not self.is_over and count > 0 and self.hash_end(number) > frontier.offset
            if not frontier.held:
                self._look_at(number)
            return frontier.held

    def lost(self, number: int) -> None:
        """The destination did not have the bytes that the ledger claims: they are missing again."""
        with self.lock:
            self.frontiers[number].held = False
            self._fetch_again(number, "the unfinished file is shorter than its journal says")

    def _look_at(self, number: int) -> None:
        """A blob has changed: wake a hasher, or let it through the gate."""
        frontier, state = self.frontiers[number], self.ledger.states[number]
        if frontier.held or number in self.good:
            return
        if self.hash_end(number) > frontier.offset:
            self.hashing.notify()
        elif state.is_complete and frontier.is_good:
            self.good.add(number)
            self._tell(BlobDone(str(frontier.blob.digest), frontier.blob.size))
            liars = self._trust.good(number)
            if liars:
                self._tell(Warned(f"{self._names(liars)} gave wrong bytes of {frontier.blob.digest}: asked last now"))
            self._end_if_good()
        elif state.is_complete:
            self._fetch_again(number, f"it hashes to {frontier.found}")

    def _fetch_again(self, number: int, why: str) -> None:
        frontier = self.frontiers[number]
        if number in self._from_disk:
            self._from_disk.discard(number)
            self._trust.forget(number)
            message = f"what an earlier run left of {frontier.blob.digest} is wrong ({why}): fetching it again"
        else:
            liars = self._trust.wrong(number, frontier.found)
            names = self._names(liars)
            if self._trust.is_hopeless(number):
                self._end(
                    ContentError(
                        f"wanted {frontier.blob.digest} ({frontier.blob.size} bytes) from {names}, "
                        f"got {frontier.found}, and {self._trust.times_wrong(number)} times in all something wrong",
                        remedy="try another mirror with -r",
                    )
                )
                return
            message = f"{frontier.blob.digest} from {names} is wrong ({why}): fetching it again"
        self._tell(Warned(message))
        self.ledger.drop(number)
        frontier.reset()
        self._on_drop(number)
        self.work.notify_all()

    def _names(self, numbers: AbstractSet[int]) -> str:
        """Of these sources, or of all where nobody in particular is meant."""
        chosen = [state.source.name for state in self.sources if not numbers or state.number in numbers]
        return ", ".join(chosen)

    # The end

    def stop(self, error: Optional[BaseException] = None) -> None:
        """End the transfer, with `error` unless it has ended already, and wake every thread."""
        with self.lock:
            self._end(error)
            deliveries = [job.delivery for job in self.jobs.values() if job.delivery is not None]
        for delivery in deliveries:
            delivery.abort()
        for state in self.sources:
            state.source.abort()

    def wait_written(self) -> None:
        """After `stop`: wait until no thread is between `begin` and `commit`, so that files may be closed."""
        with self.lock:
            while any(job.reserved for job in self.jobs.values()):
                self.work.wait(_RECONSIDER)

    def _end_if_good(self) -> None:
        if len(self.good) == len(self.frontiers):
            self._end(None)

    def _end(self, error: Optional[BaseException]) -> None:
        if self.is_over:
            return
        self.is_over = True
        self.error = error
        for condition in (self.work, self.hashing, self.main):
            condition.notify_all()

    def _check(self) -> None:
        if self.is_over:
            raise Stopped

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self.main.notify()
