"""Source state: what one source has done, and what follows from it: rests, pauses, fewer connections. Pure.

Strategy: a source that fails rests, longer each time, and is probed by one connection when it comes back. Where there
are several, one that is far slower than another, or silent, is left for a while too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, Dict, List, Optional, Set, Tuple

from ..errors import BodyError, BusyError, DockferryError, NetworkError, StorageError
from ..events import SourceReport
from .allowance import Allowance
from .choice import Standing
from .goodput import Goodput
from .ledger import Run
from .protocols import Source
from .retry import Health, RetryPolicy
from .scheduler import UNKNOWN, Pace

_REST, _REST_MOST = 10.0, 600.0
"""Seconds that a slow or silent source rests the first time, and at most: twice as long each time."""
_SPARED = 60.0
"""The same for one that repeats itself beyond measure, up to `_REST_MOST` too."""
_OF_LATE = 2.0
"""Seconds: what gave nothing for so long is silent, not slow."""
_QUIET = 1.0
"""Seconds: a body that fails after that long without a byte has stalled; one that fails sooner was cut."""
_TELLING = 256 * 1024
"""Bytes: of a reply with fewer the time is that of the answer, and says nothing of the speed."""
_LATENCY_MOST = 1.0
"""Seconds: an answer that takes longer waits for something else than the way."""


@dataclass
class Worker:
    """One connection's standing: `failures` in a row; by source's number, until when it rests there, and its pace."""

    number: int
    failures: int = 0
    resting: Dict[int, float] = field(default_factory=dict)
    paces: Dict[int, Pace] = field(default_factory=dict)


@dataclass
class SourceState:
    """One source's standing, by its place among the sources; it may be the only one. Times in seconds, of one clock.

    `refused`: blobs that it does not give. `barred`: blobs that it may give later, and when. `repeated`: of a blob
    that it gives from 0 alone, the bytes that were had already, and `spared`: until when others are asked for the
    rest. `pauses`: until when connections keep their place after a failure. `demotions`: how often in a row it was
    too slow, or silent. `pace`: of who was here last; `latency`: of the quickest answer. `luck` gives a number in
    [0, 1).
    """

    number: int
    source: Source
    policy: RetryPolicy
    luck: Callable[[], float]
    is_only: bool
    health: Health = field(default_factory=Health)
    refused: Set[int] = field(default_factory=set)
    barred: Dict[int, float] = field(default_factory=dict)
    goodput: Goodput = field(default_factory=Goodput)
    allowance: Allowance = field(default_factory=Allowance)
    pauses: List[float] = field(default_factory=list)
    repeated: Dict[int, int] = field(default_factory=dict)
    spared: Dict[int, float] = field(default_factory=dict)
    pace: Pace = UNKNOWN
    latency: Optional[float] = None
    demotions: int = 0
    demoted_until: float = float("-inf")
    received: int = 0
    errors: int = 0
    stalls: int = 0
    wrong: int = 0

    @property
    def name(self) -> str:
        return self.source.name

    # How it stands

    @property
    def resting_until(self) -> float:
        return max(self.health.resting_until, self.demoted_until)

    def ready_at(self, worker: Worker) -> float:
        """When `worker` may ask it; a demotion is no reason to wait, for what no better source gives."""
        return max(self.health.resting_until, worker.resting.get(self.number, 0.0))

    def has_room(self, connections: int, now: float) -> bool:
        """Whether one more connection may ask it, where there are so many in all."""
        most = min(connections, self.allowance.limit(now))
        if not self.is_only and (self.health.failures or (self.demotions and self.goodput.speed(now) is None)):
            most = 1  # it comes back: one connection looks if it is well
        self.pauses = [until for until in self.pauses if until > now]
        return self.goodput.connections + len(self.pauses) < most

    def is_barred(self, blob: int, now: float) -> bool:
        return self.barred.get(blob, now) > now

    def is_judged(self, now: float) -> bool:
        """Whether its speed tells something: it gives bytes, or could."""
        if self.health.failures or self.resting_until > now:
            return False
        return self.goodput.connections == 0 or self.health.is_alive(now - _OF_LATE)

    def standing(self, now: float) -> Standing:
        goodput = self.goodput
        return Standing(self.number, goodput.connections, goodput.speed(now), goodput.total(now), goodput.is_settled)

    def pace_of(self, worker: Worker) -> Pace:
        """With the speed of `worker` here, or else of who was here last, and the quickest answer of all.

        A worker's own may hold what comes once only: a connection to be made, a token, a redirect.
        """
        return replace(worker.paces.get(self.number, self.pace), latency=self.latency)

    @property
    def speed(self) -> float:
        """Bytes a second in all, while anything was asked of it."""
        return self.received / self.goodput.used if self.goodput.used else 0.0

    def report(self, total: int, *, is_banned: bool) -> SourceReport:
        """What it has done so far, where all together gave `total` bytes."""
        return SourceReport(
            source=self.name,
            received=self.received,
            share=self.received / total if total else 0.0,
            speed=self.speed,
            errors=self.errors,
            stalls=self.stalls,
            wrong=self.wrong,
            banned=is_banned,
        )

    # What it did

    def answered(self, worker: Worker, seconds: float) -> None:
        """An answer took so long to begin: of a worker's at a source, the quickest counts."""
        pace = worker.paces.get(self.number, UNKNOWN)
        latency = min(seconds, _LATENCY_MOST if pace.latency is None else pace.latency)
        worker.paces[self.number] = self.pace = replace(pace, latency=latency)
        self.latency = latency if self.latency is None else min(latency, self.latency)

    def gave(self, count: int, now: float) -> None:
        """So many bytes came from it."""
        self.received += count
        self.goodput.received(count, now)

    def moved(self, worker: Worker, now: float) -> None:
        """What it gave to `worker` was new."""
        self.health = self.health.moved(now)
        worker.failures = 0

    def gave_again(self, blob: int, size: int, count: int, now: float) -> None:
        """Of the blob of `size`, which it gives from 0 alone, `count` bytes came that were had.

        That may cost as much as the blob; beyond that the rest is for others, as long as they give.
        """
        total = self.repeated[blob] = self.repeated.get(blob, 0) + count
        if total > size:
            self.spared[blob] = now + min(_REST_MOST, _SPARED * 2.0 ** min(total // size - 1, 10))

    def ended(self, worker: Worker, run: Run, now: float) -> None:
        """A request to it is over, well or not."""
        speed = run.speed_so_far(now)
        if speed and run.received >= _TELLING:
            pace = worker.paces.get(self.number, UNKNOWN)
            worker.paces[self.number] = self.pace = replace(pace, speed=speed)
        self.goodput.closed(now)

    def failed(self, worker: Worker, run: Run, began: float, error: DockferryError, now: float) -> Tuple[int, float]:
        """A request that began at `began` failed: how often without progress, and how long until the next."""
        if isinstance(error, StorageError):  # of this blob alone
            self.errors += 1
            wait = self.policy.rest(error.number, self.luck())
            self.barred[run.blob] = now + wait
            return error.number, wait
        since = began
        if isinstance(error, BodyError) and now - run.last_at >= _QUIET:
            if self._stalled(now):
                since = max(began, now - _QUIET)  # what it gave before it fell silent does not make it well
        else:
            self.errors += 1
        if isinstance(error, NetworkError) and error.asks_for_less and self.goodput.connections:
            since = min(since, now - _OF_LATE)  # its answer came so soon that no byte came to others meanwhile
        if self.health.is_alive(since):
            return self._pause(worker, error, now)
        return self._rest(run, began, error, now)

    def _rest(self, run: Run, began: float, error: DockferryError, now: float) -> Tuple[int, float]:
        """It gives nothing to anybody."""
        asked = _retry_after(error)
        count, luck = self.health.failures + 1, self.luck()
        is_rest = not run.received or asked is not None
        wait = self.policy.rest(count, luck, asked) if is_rest else self.policy.again(count, luck)
        self.health = self.health.failed(began, now, wait)
        return self.health.failures, wait

    def _pause(self, worker: Worker, error: DockferryError, now: float) -> Tuple[int, float]:
        """One connection's bad luck."""
        worker.failures += 1
        wait = self.policy.pause(worker.failures, self.luck(), _retry_after(error))
        worker.resting[self.number] = now + wait
        if isinstance(error, NetworkError) and error.asks_for_less:
            self.allowance.refused(self.goodput.connections + 1, now)
        else:
            self.pauses.append(now + wait)
        return worker.failures, wait

    def overtaken(self, run: Run, now: float) -> None:
        """Others brought what a connection was to bring, or the transfer is over: was it silent?"""
        if now - run.last_at > _OF_LATE:
            self._stalled(now)

    def _stalled(self, now: float) -> bool:
        """A connection went silent; whether that is the source's doing. What fell silent together counts once."""
        self.stalls += 1
        is_all = not self.is_only and not self.health.is_alive(now - _QUIET)
        if is_all and self.resting_until <= now:
            self.demote(now)
        return is_all

    def demote(self, now: float) -> None:
        """Too slow beside another source, or silent: it rests, and is measured anew."""
        rest = min(_REST_MOST, _REST * 2.0 ** min(self.demotions, 10))
        self.demotions += 1
        self.demoted_until = now + rest
        self.goodput.reset()


def _retry_after(error: DockferryError) -> Optional[float]:
    return error.retry_after if isinstance(error, BusyError) else None
