"""The watch: which connections are in bad hands, where another source would do better. Pure.

With one source nothing is given up here: its own timeouts say when a reply is dead.
"""

from __future__ import annotations

from typing import Callable, Iterable, List, Optional, Tuple

from ..errors import BodyError, DockferryError
from .jobs import Job
from .pool import SILENCE, Pool

_NEARLY_DONE = 2.0
"""Seconds: a run that is done sooner is left alone."""

Found = List[Tuple[Job, Optional[DockferryError]]]


def watch(
    jobs: Iterable[Job], pool: Pool, may_be_held_back: Callable[[int], bool], first_byte_time: float, now: float
) -> Found:
    """The jobs to be given up at `now`, each with the fault that its source is charged with, if it is one.

    `may_be_held_back` says of a blob, by number, that its connections may be waiting for its hash; `first_byte_time`
    is in seconds.
    """
    if not pool.is_several:
        return []
    running = [job for job in jobs if not job.is_given_up and not job.reserved]
    found: Found = []
    for job in running:
        if job.source.number not in pool.candidates(job.run.blob):
            found.append((job, None))
        elif not may_be_held_back(job.run.blob) and _is_silent(
            job, pool, first_byte_time, len({one.source.number for one in running}) > 1, now
        ):
            quiet = now - job.run.last_at
            found.append(
                (job, BodyError(f"{job.source.name}: blob {job.blob.digest.short} was silent for {quiet:.3g} s"))
            )
    if found:
        return found
    slow = _slowest(running, pool.look_for_slow(now), now)
    return [(slow, None)] if slow is not None else []


def _is_silent(job: Job, pool: Pool, first_byte_time: float, is_another_asked: bool, now: float) -> bool:
    """It gives nothing, where another source does, or could if all connections were not waiting for this one."""
    patience = SILENCE if job.run.received else max(SILENCE, first_byte_time)
    return now - job.run.last_at > patience and (
        pool.is_another_giving(job.source.number, now - SILENCE)
        or (not is_another_asked and pool.is_another_well(job.source.number, job.run.blob, now))
    )


def _slowest(jobs: Iterable[Job], source: Optional[int], now: float) -> Optional[Job]:
    """Of this source's, the connection with the longest time to go, unless it is soon done."""
    found, longest = None, _NEARLY_DONE
    for job in jobs:
        speed = job.run.speed(now)
        if job.source.number == source and speed is not None:
            time = job.run.to_come / speed if speed else float("inf")
            if time > longest:
                found, longest = job, time
    return found
