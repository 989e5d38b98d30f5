"""A worker: one connection's thread. It takes a job, carries bytes from source to destination, takes the next."""

from __future__ import annotations

import functools
import mmap
from typing import Optional, Tuple

from ..errors import BodyError, DiskError, DockferryError, NetworkError
from .comparison import compare
from .frontier import read_back
from .jobs import Job, Reservation, Written
from .journal import Journal
from .ledger import Run
from .pool import Worker
from .protocols import Delivery, Destination
from .shared import Stopped
from .state import TransferState
from .trust import BLOCK

BUFFER = 512 * 1024
"""Bytes for each connection: what memory costs, and the least that is written at once on a fast link."""
_FLUSH = 0.5
"""Seconds after which a slow link's bytes are written though the buffer is not full."""

MIN_SPEED = 256
"""Bytes a second: a connection that gives less for half a minute is dropped for a new one."""
CRUMB = 16 * 1024
"""Bytes: a reply that ends well with less of what was asked for is one to wait after: others may do better."""


def work(state: TransferState, worker: Worker, destination: Destination, journal: Journal) -> None:
    """A worker thread's life. Errors of the destination end the transfer; a source's are the state's to judge."""
    view: Optional[memoryview] = None
    try:
        while True:
            job = state.next_job(worker)
            if view is None:
                view = memoryview(mmap.mmap(-1, BUFFER))  # page-aligned, and only where it is used
            _do(state, job, destination, journal, view)
    except Stopped:
        pass
    except BaseException as error:  # the thread's end must be the transfer's: nobody else would notice
        state.stop(error)


def hash_along(state: TransferState, destination: Destination) -> None:
    """A hasher thread's life: reads back and hashes what no worker could hash from its buffer."""
    view = memoryview(mmap.mmap(-1, BUFFER // 2))
    proof = state.proof
    try:
        while True:
            reading = proof.next_reading()
            while not proof.is_read(reading, read_back(reading.frontier, destination, reading.end, view)):
                pass
    except Stopped:
        pass
    except BaseException as error:
        state.stop(error)


def _do(state: TransferState, job: Job, destination: Destination, journal: Journal, view: memoryview) -> None:
    error: Optional[Exception] = None
    try:
        delivery = job.source.source.open(job.blob, job.run.pos, job.run.end, functools.partial(state.hold, job))
        try:
            if state.attach(job, delivery):
                _carry(state, job, delivery, destination, journal, view)
        finally:
            delivery.close()
    except DockferryError as problem:
        if isinstance(problem, DiskError):
            raise
        error = problem
    finally:
        state.finish(job, error)


def _carry(
    state: TransferState, job: Job, delivery: Delivery, destination: Destination, journal: Journal, view: memoryview
) -> None:
    """Bytes from one reply to their place, until the run or the reply ends."""
    run = job.run
    while run.remaining or state.extend(job):
        state.proof.keep_pace(run.blob)
        # In doubt, each block may be the one that makes it right.
        room = view[:BLOCK] if state.proof.is_doubted(run.blob) else view
        count, is_end, problem = _fill(state, run, delivery, room)
        if count:
            _put(state, job, destination, journal, view[:count])
        if problem is not None:
            raise problem
        if _is_crawling(run, state.clock()):
            raise BodyError(
                f"{job.source.source.name}: less than {MIN_SPEED} bytes a second of blob {job.blob.digest.short}"
            )
        if is_end:
            if run.remaining and run.received < CRUMB:
                what = f"wanted {run.received + run.remaining} bytes of blob {job.blob.digest.short}"
                raise BodyError(f"{job.source.source.name}: {what}, got {run.received or 'an empty body'}")
            return


def _is_crawling(run: Run, now: float) -> bool:
    speed = run.speed(now)
    return now - run.began > 30 and speed is not None and speed < MIN_SPEED


def _fill(
    state: TransferState, run: Run, delivery: Delivery, view: memoryview
) -> Tuple[int, bool, Optional[NetworkError]]:
    """Receive until `view` or the run is full or time is up: how many bytes, if the reply ended, what went wrong.

    A thief may shorten the run meanwhile: its end is looked at anew before each receive.
    """
    began = state.clock()
    filled = 0
    try:
        count: Optional[int] = delivery.readinto(view[: run.remaining])
        while count is not None:
            filled += count
            run.in_hand = filled
            room = min(len(view), run.remaining)
            if not count or filled >= room or state.clock() - began > _FLUSH:
                return filled, not count, None
            count = delivery.maybe_readinto(view[filled:room], _FLUSH)
    except NetworkError as problem:
        return filled, False, problem
    return filled, False, None


def _put(state: TransferState, job: Job, destination: Destination, journal: Journal, data: memoryview) -> None:
    """What came, to its place; then the journal, then the ledger: a claim never stands before its bytes."""
    base = job.run.pos
    reservation = state.begin(job, len(data))
    written = Written(reservation.ranges)
    if reservation.compares:
        written = _compare(job, destination, reservation, base, data)
    for start, end in (*written.fresh, *written.other):
        destination.write(job.blob, start, data[start - base : end - base])
    if reservation.hashes:
        start, end = reservation.ranges[0]
        state.proof.frontiers[job.run.blob].update(data[start - base : end - base])
    journal.had(job.run.blob, written.had)
    for needless in state.commit(job, reservation, written):
        needless.abort()


def _compare(job: Job, destination: Destination, reservation: Reservation, base: int, data: memoryview) -> Written:
    """What of a blob in doubt came again is not written: it is there."""
    same, other = [], []
    for start, end in reservation.ranges:
        there, not_there = compare(job.blob, destination, start, data[start - base : end - base])
        same += there
        other += not_there
    return Written((), same, other) if reservation.must_repeat else Written(other, same)
