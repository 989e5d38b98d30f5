"""A worker: one connection's thread. It takes a job, carries bytes from source to destination, takes the next."""

from __future__ import annotations

import functools
import mmap
from typing import Optional, Tuple

from ..errors import BodyError, DiskError, DockferryError, NetworkError
from ..message import Message
from .comparison import compare
from .jobs import Job, Reservation, Written
from .journal import Journal
from .ledger import Run
from .protocols import Delivery, Destination
from .shared import Stopped
from .source_state import Worker
from .state import TransferState
from .trust import BLOCK

BUFFER = 1024 * 1024
"""Bytes for each connection: what memory costs, and the least that is written at once on a fast link."""
_FLUSH = 0.5
"""Seconds after which a slow link's bytes are written though the buffer is not full."""
_SPEED_LEAST = 256
"""Bytes a second: a connection that gives less for a while is dropped for a new one."""
_CRAWL, _CRAWL_LEAST, _FAR = 30.0, 5.0, 100
"""Seconds that this is; and where its source has given so many times as much, which says that it is no slow line."""
CRUMB = 16 * 1024
"""Bytes: a reply that ends well with less of what was asked for is one to wait after: others may do better."""


def work(state: TransferState, worker: Worker, destination: Destination, journal: Journal) -> None:
    """A worker thread's life. Errors of the destination end the transfer; a source's are the state's to judge."""
    carrier = _Carrier(state, destination, journal)
    try:
        while True:
            carrier.do(state.next_job(worker))
    except Stopped:
        pass
    except BaseException as error:  # the thread's end must be the transfer's: nobody else would notice
        state.stop(error)


class _Carrier:
    """What brings a job's bytes from its source to `destination`, through one buffer."""

    def __init__(self, state: TransferState, destination: Destination, journal: Journal) -> None:
        self._state, self._destination, self._journal = state, destination, journal
        self._view = memoryview(b"")

    def do(self, job: Job) -> None:
        """The job, to its end, whatever that is. Raises DiskError, and Stopped when the transfer is over."""
        if not self._view:
            self._view = memoryview(mmap.mmap(-1, BUFFER))  # page-aligned, and only where it is used
        error: Optional[Exception] = None
        try:
            hold = functools.partial(self._state.hold, job)
            delivery = job.source.source.open(job.blob, job.run.pos, job.run.end, hold)
            try:
                if self._state.attach(job, delivery):
                    self._carry(job, delivery)
            finally:
                delivery.close()
        except DockferryError as problem:
            if isinstance(problem, DiskError):
                raise
            error = problem
        finally:
            self._state.finish(job, error)

    def _carry(self, job: Job, delivery: Delivery) -> None:
        """Bytes from one reply to their place, until the run or the reply ends."""
        state, run = self._state, job.run
        while run.remaining or state.extend(job):
            state.proof.keep_pace(run.blob)
            # In doubt, each block may be the one that makes it right.
            room = self._view[:BLOCK] if state.proof.is_doubted(run.blob) else self._view
            count, is_end, problem = self._fill(run, delivery, room)
            if count:
                self._put(job, room[:count])
            if problem is not None:
                raise problem
            if _is_crawling(job, state.clock()):
                raise BodyError(
                    "{}: less than {} bytes a second of {}",
                    job.source.name,
                    _SPEED_LEAST,
                    Message("blob {}", job.blob.digest.short),
                    reason=Message("less than {} bytes a second", _SPEED_LEAST),
                )
            if is_end:
                if run.remaining and run.received < CRUMB:
                    what, wanted = Message("blob {}", job.blob.digest.short), run.received + run.remaining
                    got = run.received or Message("an empty body")
                    reason = Message("wanted {} bytes, got {}", wanted, got)
                    raise BodyError(
                        "{}: wanted {} bytes of {}, got {}", job.source.name, wanted, what, got, reason=reason
                    )
                return

    def _fill(self, run: Run, delivery: Delivery, view: memoryview) -> Tuple[int, bool, Optional[NetworkError]]:
        """Receive until `view` or the run is full or time is up: how many bytes, if the reply ended, what went wrong.

        A thief may shorten the run meanwhile: its end is looked at anew before each receive.
        """
        clock = self._state.clock
        began = clock()
        run.inflow.waits(began)
        filled, is_at_once = 0, False
        try:
            count: Optional[int] = delivery.readinto(view[: run.remaining])
            is_at_once = count == BUFFER
            while count is not None:
                filled += count
                run.in_hand = filled
                room = min(len(view), run.remaining)
                if not count or filled >= room or clock() - began > _FLUSH:
                    return filled, not count, None
                count = delivery.maybe_readinto(view[filled:room], _FLUSH)
        except NetworkError as problem:
            return filled, False, problem
        finally:
            run.inflow.came(is_at_once, clock())
        return filled, False, None

    def _put(self, job: Job, data: memoryview) -> None:
        """What came, to its place; then the journal, then the ledger: a claim never stands before its bytes."""
        base = job.run.pos
        reservation = self._state.begin(job, len(data))
        written = Written(reservation.ranges)
        if reservation.compares:
            written = self._compare(job, reservation, base, data)
        for start, end in (*written.fresh, *written.other):
            self._destination.write(job.blob, start, data[start - base : end - base])
        if reservation.hashes:
            start, end = reservation.ranges[0]
            self._state.proof.frontiers[job.run.blob].update(data[start - base : end - base])
        self._journal.had(job.run.blob, written.had)
        for needless in self._state.commit(job, reservation, written):
            needless.abort()

    def _compare(self, job: Job, reservation: Reservation, base: int, data: memoryview) -> Written:
        """What of a blob in doubt came again is not written: it is there."""
        same, other = [], []
        for start, end in reservation.ranges:
            there, not_there = compare(job.blob, self._destination, start, data[start - base : end - base])
            same += there
            other += not_there
        return Written((), same, other) if reservation.must_repeat else Written(other, same)


def _is_crawling(job: Job, now: float) -> bool:
    speed = job.run.speed(now)
    patience = _CRAWL_LEAST if job.source.speed > _FAR * _SPEED_LEAST else _CRAWL
    return now - job.run.began > patience and speed is not None and speed < _SPEED_LEAST
