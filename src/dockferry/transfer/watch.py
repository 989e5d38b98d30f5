"""The watch: which connections are in bad hands, where another would do better. Pure.

A reply that falls silent is dead when others go on. One that has not begun may wait for its server's upstream: only
another source would do better. Where nobody gives anything the sources' own timeouts decide.
"""

from __future__ import annotations

from typing import Callable, Iterable, List, Optional, Tuple

from ..errors import BodyError, DockferryError
from ..message import Message
from .jobs import Job
from .pool import Pool

SILENCE = 5.0
"""Seconds: a reply that was silent so long while others went on is given up."""
_SILENCE_LEAST = 2.0
"""The same, where the source goes on giving to other connections; longer where it takes long to answer."""
_LATENCIES = 10.0
_LATELY = 1.0
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
    running = [job for job in jobs if not job.is_given_up and not job.reserved]
    are_several_asked = len({job.source.number for job in running}) > 1
    found: Found = []
    for job in running:
        if pool.is_several and job.source.number not in pool.candidates(job.run.blob):
            found.append((job, None))
        elif not may_be_held_back(job.run.blob) and _is_silent(job, pool, first_byte_time, are_several_asked, now):
            quiet = now - job.run.last_at
            what = Message("blob {}", job.blob.digest.short)
            said = Message("was silent for {:.3g} s", quiet)
            found.append((job, BodyError("{}: {} {}", job.source.name, what, said, reason=said)))
    if found or not pool.is_several:
        return found
    slow = _slowest(running, pool.look_for_slow(now), now)
    return [(slow, None)] if slow is not None else []


def is_quiet(job: Job, now: float) -> bool:
    """Whether a reply that had begun gives nothing any more, for longer than a lost packet takes to come again."""
    latency = job.source.pace.latency
    patience = SILENCE if latency is None else max(_SILENCE_LEAST, min(SILENCE, _LATENCIES * latency))
    return bool(job.run.received) and now - job.run.last_at > patience


def _is_silent(job: Job, pool: Pool, first_byte_time: float, are_several_asked: bool, now: float) -> bool:
    """It gives nothing, where others do, or could if not all connections were waiting for this source."""
    quiet, number = now - job.run.last_at, job.source.number
    could = not are_several_asked and pool.is_another_left(number, job.run.blob, now)
    if not job.run.received:
        return quiet > max(SILENCE, first_byte_time) and (could or pool.is_another_giving(number, now - SILENCE))
    is_alone = is_quiet(job, now) and job.source.health.is_alive(now - _LATELY)
    return is_alone or (quiet > SILENCE and (could or pool.is_any_giving(now - SILENCE)))


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
