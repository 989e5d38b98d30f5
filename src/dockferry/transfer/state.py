"""The state of one transfer: what each connection does next, and what its success or failure means for the others.

Strategy: every method is one short decision under the lock; receiving, hashing and writing happen outside it. The
ledger, the scheduler, the retry policy, trust and the governor are pure: they get the clock and the luck from here.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Callable, Dict, List, Optional, Sequence

from ..errors import BusyError, DockferryError, NetworkError
from ..events import Retry, Warned
from ..oci.descriptor import Descriptor
from .governor import Governor
from .jobs import Job, Reservation, SourceState, Worker
from .ledger import Ledger, Run
from .proof import Proof
from .protocols import Delivery, Source
from .ranges import RangeSet
from .retry import RetryPolicy
from .scheduler import Rules, assign, choose
from .shared import Shared, Stopped
from .trust import Trust

_RECONSIDER = 0.25
"""Seconds after which an idle connection looks again whether something is worth stealing."""
_LATENCY_MOST = 1.0
"""Seconds: an answer that takes longer waits for something else than the way."""


class TransferState:
    """See the module. `had` gives what was on disk before; `shared` the lock and the end, `proof` the gate."""

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
        self.shared = Shared()
        self.ledger = Ledger(blobs, had)
        self.sources = [SourceState(number, source) for number, source in enumerate(sources)]
        self.policy, self.governor, self.rules = policy, governor, rules
        self.clock, self.luck = clock, luck
        self.jobs: Dict[Run, Job] = {}
        self._pausing: List[Worker] = []
        self.received = 0
        self._is_closed = False
        self._trust = Trust(len(blobs), len(sources))
        self.proof = Proof(self.shared, self.ledger, self.sources, self._trust, on_drop)

    # Jobs

    def next_job(self, worker: Worker) -> Job:
        """Wait for something to do. Raises Stopped when the transfer is over."""
        with self.shared.lock:
            while not self.shared.is_over:
                now = self.clock()
                job = self.job_now(worker, now)
                if job is not None:
                    return job
                if worker.resting_until > now:
                    self.shared.work.wait(worker.resting_until - now)
                elif self._has_room(now):
                    rests = [one.health.resting_until - now for one in self.sources]
                    self.shared.work.wait(
                        min((rest for rest in rests if 0 < rest < _RECONSIDER), default=_RECONSIDER)
                    )
                else:
                    self.shared.spare.wait(_RECONSIDER)
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
        choice = choose(self.ledger, self.governor.target, now, self.rules, worker.pace, closed)
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
        with self.shared.lock:
            self.shared.check()
            job.delivery = delivery
            pace = job.worker.pace
            latency = min(self.clock() - job.began, _LATENCY_MOST if pace.latency is None else pace.latency)
            job.worker.pace = replace(pace, latency=latency)
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
        with self.shared.lock:
            delivery = job.delivery
            goes_on = delivery is not None and (delivery.end is None or delivery.end > job.run.pos)
            return goes_on and self.ledger.states[job.run.blob].one_stream and self.ledger.extend(job.run)

    def begin(self, job: Job, count: int) -> Reservation:
        """`count` bytes came. Raises Stopped when nothing may be written any more.

        That is later than the end of the transfer: what a connection holds when it is stopped is still put in place.
        """
        with self.shared.lock:
            if self._is_closed:
                raise Stopped
            now = self.clock()
            self.received += count
            ranges = self.ledger.begin(job.run, count, now)
            if ranges:  # a reply from 0 that brings again what is had, and dies before it brings more, is no progress
                job.source.health = job.source.health.moved(now)
                job.worker.failures = 0
                self.ledger.states[job.run.blob].failures = 0
                self._trust.gave(job.run.blob, job.source.number)
            job.reserved = ranges
            return Reservation(ranges, self.proof.hold(job.run.blob, ranges))

    def commit(self, job: Job, reservation: Reservation) -> List[Delivery]:
        """The reserved ranges are written, and the first is hashed where it was to be.

        What comes back are deliveries that are of no use any more, to be aborted by the caller.
        """
        number = job.run.blob
        with self.shared.lock:
            self.ledger.commit(job.run, reservation.ranges)
            job.reserved = ()
            if reservation.hashes:
                self.proof.release(number, reservation.ranges[0][1])
            self.proof.look_at(number)
            others = [self.jobs[run] for run in self.ledger.needless(number) if run is not job.run]
            return [other.delivery for other in others if other.delivery is not None]

    def finish(self, job: Job, error: Optional[Exception] = None) -> None:
        """The job is over; what it did not bring is missing again. `error` tells why it ended early."""
        with self.shared.lock:
            now = self.clock()
            speed = job.run.speed(now)
            if speed:
                job.worker.pace = replace(job.worker.pace, speed=speed)
            self.ledger.cancel(job.run, job.reserved)
            job.reserved = ()
            del self.jobs[job.run]
            is_needless = self.ledger.states[job.run.blob].had.covers(job.run.pos, job.run.end)
            self.ledger.release(job.run)
            if isinstance(error, DockferryError) and not (is_needless or self.shared.is_over):
                self._failed(job, error, now)
            self.shared.work.notify_all()

    def _failed(self, job: Job, error: DockferryError, now: float) -> None:
        source, worker, number = job.source, job.worker, job.run.blob
        self.ledger.states[number].failures += 1
        if not error.is_retryable:
            source.refused.add(number)
            if self._is_hopeless(number):
                self.shared.end(error)
            else:
                self.shared.tell(Warned(f"{source.source.name} does not give {job.blob.digest}: {error.message}"))
            return
        asked = error.retry_after if isinstance(error, BusyError) else None
        if source.health.is_alive(job.began):
            if isinstance(error, NetworkError) and error.asks_for_less:
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
        self.shared.tell(Retry(str(job.blob.digest), count, error.message, wait, source.source.name))
        if self._is_hopeless(number):
            self.shared.end(NetworkError(error.message, remedy="run the same command again to go on from here"))

    def _is_hopeless(self, number: int) -> bool:
        """Whether no source gives this blob: each has refused it, or has been tried as often as the policy says."""
        return all(number in state.refused or state.health.failures >= self.policy.attempts for state in self.sources)

    def govern(self, now: float) -> None:
        """Let the governor look at the goodput. Under the lock."""
        before = self.governor.target
        if self.governor.sample(now, self.received, len(self.jobs) >= before) > before:
            self.shared.spare.notify_all()

    # The end

    def stop(self, error: Optional[BaseException] = None) -> None:
        """End the transfer, with `error` unless it has ended already, and wake every thread."""
        with self.shared.lock:
            self.shared.end(error)
            deliveries = [job.delivery for job in self.jobs.values() if job.delivery is not None]
        for delivery in deliveries:
            delivery.abort()
        for state in self.sources:
            state.source.abort()

    def close(self) -> None:
        """After `stop`: nothing more may be written. Come back when what is being written is: files may be closed."""
        with self.shared.lock:
            self._is_closed = True
            while any(job.reserved for job in self.jobs.values()):
                self.shared.work.wait(_RECONSIDER)
