"""The state of one transfer: what the success or failure of each connection means for the others.

Strategy: every method is one short decision under the lock; receiving, hashing and writing happen outside it. The
ledger, the dispatch, the retry policy and trust are pure: they get the clock and the luck from here.
"""

from __future__ import annotations

import time
from typing import Callable, List, Optional, Sequence

from ..errors import BodyError, DockferryError, NetworkError
from ..events import Retry, Warned
from ..message import Message
from ..oci.descriptor import Descriptor
from ..system.processors import processors
from .dispatch import Dispatch
from .governor import Governor
from .jobs import Job, Reservation, Written
from .ledger import Ledger, Run
from .pool import Pool
from .proof import OnDrop, Proof
from .protocols import Abortable, Delivery, Source
from .ranges import RangeSet
from .retry import RetryPolicy
from .scheduler import Rules
from .shared import Shared, Stopped
from .source_state import Worker
from .trust import Trust
from .watch import watch

_RECONSIDER = 0.25
"""Seconds after which an idle connection looks again whether something is worth stealing."""


class TransferState:
    """See the module. `had` is what was on disk before; `shared` the lock and the end, `proof` the gate.

    `dispatch` gives work out, `pool` is all sources, `processors` how many this process may use.
    """

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
        on_drop: OnDrop,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shared = Shared()
        self.ledger = Ledger(blobs, had)
        self.clock = clock
        self.received = 0
        self._is_closed = False
        self.processors = processors()
        self._trust = Trust(len(blobs), len(sources))
        self.pool = Pool(sources, len(blobs), self._trust, policy, luck)
        self.dispatch = Dispatch(self.ledger, self.pool, governor, rules)
        self.proof = Proof(self.shared, self.ledger, self.pool, self._trust, on_drop)

    # Jobs

    def next_job(self, worker: Worker) -> Job:
        """Wait for something to do. Raises Stopped when the transfer is over."""
        with self.shared.lock:
            while not self.shared.is_over:
                now = self.clock()
                job = self.dispatch.maybe_job(worker, now)
                if job is not None:
                    return job
                wake_at = self.pool.wake_at(worker)
                if wake_at > now:
                    self.shared.work.wait(wake_at - now)
                elif self.dispatch.has_room(now):
                    soon = self.dispatch.rules.alone if self.dispatch.is_young(now) else _RECONSIDER
                    self.shared.work.wait(min(soon, self.pool.next_at(worker, now) - now))
                else:
                    self.shared.spare.wait(_RECONSIDER)
            raise Stopped

    def hold(self, job: Job, opening: Abortable) -> None:
        """An answer is about to be waited for, and `opening` ends that wait."""
        with self.shared.lock:
            job.opening = opening
            is_needless = job.is_given_up or self.shared.is_over
        if is_needless:
            opening.abort()

    def attach(self, job: Job, delivery: Delivery) -> bool:
        """A reply has begun. False: it is of no use and the job should be given back. Raises Stopped."""
        with self.shared.lock:
            self.shared.check()
            job.delivery = delivery
            job.source.answered(job.worker, self.clock() - job.began)
            run, number = job.run, job.source.number
            state = self.ledger.states[run.blob]
            if job.is_given_up or state.had.covers(run.pos, run.end):
                return False
            is_whole = delivery.start == 0 and delivery.end in (None, job.blob.size)
            if delivery.start == run.pos and not (is_whole and run.end < job.blob.size):
                state.one_stream.pop(number, None)
                return True
            now = self.clock()
            state.one_stream[number] = now
            if self.pool.others_honour(number, run.blob, state, now):
                return delivery.start == run.pos
            return self.ledger.restart(run) or delivery.start == run.pos

    def extend(self, job: Job) -> bool:
        """The run is done: may the same reply, if it goes on, serve what comes next?"""
        with self.shared.lock:
            delivery = job.delivery
            if job.is_given_up or delivery is None or (delivery.end is not None and delivery.end <= job.run.pos):
                return False
            is_one_stream = job.source.number in self.ledger.states[job.run.blob].one_stream
            return is_one_stream and self.ledger.extend(job.run)

    def begin(self, job: Job, count: int) -> Reservation:
        """`count` bytes came. Raises Stopped when nothing may be written any more.

        That is later than the end of the transfer: what a connection holds when it is stopped is still put in place.
        """
        with self.shared.lock:
            if self._is_closed:
                raise Stopped
            now = self.clock()
            self.received += count
            job.source.gave(count, now)
            ranges = self.ledger.begin(job.run, count, now)
            if ranges:  # a reply from 0 that brings again what is had, and dies before it brings more, is no progress
                job.source.moved(job.worker, now)
                self.ledger.states[job.run.blob].failures = 0
            if job.source.number in self.ledger.states[job.run.blob].one_stream:
                again = count - sum(end - start for start, end in ranges)
                job.source.gave_again(job.run.blob, job.blob.size, again, now)
            job.reserved = ranges
            number, source = job.run.blob, job.source.number
            compares, must_repeat = self._trust.compares(number), self._trust.must_repeat(number, source)
            hashes = not self._is_left_to_hashers(job.run, now) and self.proof.hold(number, ranges)
            return Reservation(ranges, hashes, compares, must_repeat)

    def _is_left_to_hashers(self, run: Run, now: float) -> bool:
        """Whether the run brings more than its own thread can hash, and a free hasher has a processor to itself.

        A hasher stays with what it has begun; a flood more than there are hashers would wait for one in vain.
        """
        has_processor = 2 * len(self.dispatch.jobs) <= self.processors
        return has_processor and self.proof.is_hasher_free and run.inflow.is_flood(now)

    def commit(self, job: Job, reservation: Reservation, written: Written) -> List[Abortable]:
        """The reserved ranges are written, and the first is hashed where it was to be.

        What comes back is of no use any more, to be aborted by the caller.
        """
        number, source = job.run.blob, job.source.number
        with self.shared.lock:
            self.ledger.commit(job.run, written.had)
            self.ledger.cancel(job.run, written.other)
            self._trust.gave(number, source, written.fresh)
            self._trust.agreed(number, source, written.same)
            self._trust.changed(number, written.other)
            if reservation.compares and (written.fresh or written.other):
                self.proof.changed(number)
            job.reserved = ()
            if reservation.hashes:
                self.proof.release(number, reservation.ranges[0][1])
            self.proof.look_at(number)
            others = [self.dispatch.jobs[run] for run in self.ledger.needless(number) if run is not job.run]
            return [wait for wait in (other.maybe_wait for other in others) if wait is not None]

    def finish(self, job: Job, error: Optional[Exception] = None) -> None:
        """The job is over; what it did not bring is missing again. `error` tells why it ended early."""
        with self.shared.lock:
            now = self.clock()
            self.ledger.cancel(job.run, job.reserved)
            job.reserved = ()
            del self.dispatch.jobs[job.run]
            job.source.ended(job.worker, job.run, now)
            is_needless = self.ledger.states[job.run.blob].had.covers(job.run.pos, job.run.end)
            self.ledger.release(job.run)
            if job.is_given_up:
                pass  # its source was charged when it was
            elif is_needless or self.shared.is_over:
                job.source.overtaken(job.run, now)
            elif isinstance(error, DockferryError):
                self._failed(job, error, now)
            self.shared.work.notify_all()

    def _failed(self, job: Job, error: DockferryError, now: float) -> None:
        source, number = job.source, job.run.blob
        self.ledger.states[number].failures += 1
        if not error.is_retryable:
            self.pool.refused(source, number, error)
            if self.pool.is_hopeless(number):
                self.shared.end(error)
            else:
                self.shared.tell(Warned(Message("{}; the other sources are asked for it", error.message)))
            return
        count, wait = source.failed(job.worker, job.run, job.began, error, now)
        self.shared.tell(Retry(str(job.blob.digest), count, error.reason, wait, source.name))
        if self.pool.is_hopeless(number):
            self.shared.end(NetworkError(error.message, remedy=_going_on(error), reason=error.reason))

    def govern(self, now: float) -> List[Abortable]:
        """Let the governor look at the goodput, and take back what is in bad hands. Under the lock.

        What comes back is of no use any more, to be aborted by the caller.
        """
        if self.dispatch.is_more_wanted(self.received, now):
            self.shared.spare.notify_all()
        jobs, patience = self.dispatch.jobs.values(), self.dispatch.rules.first_byte_time
        given_up = watch(jobs, self.pool, self.proof.may_be_held_back, patience, now)
        for job, error in given_up:
            job.is_given_up = True
            self.ledger.give_up(job.run)
            if error is not None:
                self._failed(job, error, now)
        if given_up:
            self.shared.work.notify_all()
        return [wait for wait in (job.maybe_wait for job, _ in given_up) if wait is not None]

    # The end

    def stop(self, error: Optional[BaseException] = None) -> None:
        """End the transfer, with `error` unless it has ended already, and wake every thread."""
        with self.shared.lock:
            self.shared.end(error)
            waits = [wait for wait in (job.maybe_wait for job in self.dispatch.jobs.values()) if wait is not None]
        for wait in waits:
            wait.abort()
        for state in self.pool.states:
            state.source.abort()

    def close(self) -> None:
        """After `stop`: nothing more may be written. Come back when what is being written is: files may be closed."""
        with self.shared.lock:
            self._is_closed = True
            while any(job.reserved for job in self.dispatch.jobs.values()):
                self.shared.work.wait(_RECONSIDER)


def _going_on(error: DockferryError) -> str:
    """What helps against the last `error`, and what was had by then is kept."""
    if isinstance(error, BodyError) or not error.remedy:
        return Message("run the same command again to go on from here")
    if error.remedy == NetworkError.usual:
        return Message("{}: what was downloaded is kept", error.remedy)
    return Message("{}; the same command goes on from here", error.remedy)
