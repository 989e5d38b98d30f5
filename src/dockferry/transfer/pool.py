"""The pool: all sources of one transfer: who may be asked now and in which order, and what each has done.

Strategy: a source that fails rests, longer each time, and is probed by one connection when it comes back. Where there
are several, one that is far slower than another, or silent, is left for a while too, but not for what no better one
gives. Methods are called under the transfer's lock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Container, Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..errors import BodyError, BusyError, CertificateError, DockferryError, NetworkError, StorageError
from ..events import SourceReport
from .allowance import Allowance
from .choice import Standing, maybe_low, order
from .goodput import Goodput
from .ledger import BlobState, Ledger, Run
from .protocols import Source
from .retry import Health, RetryPolicy
from .scheduler import UNKNOWN, Pace
from .trust import Trust

_FAILING = 3
"""Failures in a row without one new byte, from which on a source is no reason to leave another one alone."""
_REST, _REST_MOST = 10.0, 600.0
"""Seconds that a slow or silent source rests the first time, and at most: twice as long each time."""
_OF_LATE = 2.0
"""Seconds: what gave nothing for so long is silent, not slow."""
_QUIET = 1.0
"""Seconds: a body that fails after that long without a byte has stalled; one that fails sooner was cut."""
SILENCE = 5.0
"""Seconds: a reply that was silent so long while others went on is given up."""
_IGNORES = 30.0
"""Seconds after which a source that ignored ranges of a blob is asked for a range of it again."""
_GIVES = 60.0
"""Seconds: a source that gave bytes within that time is one to wait for. Also the first rest of one that repeats
itself beyond measure, doubled up to `_REST_MOST`."""


@dataclass
class Worker:
    """One connection's standing: `failures` in a row; by source's number, until when it rests there, and its pace."""

    number: int
    failures: int = 0
    resting: Dict[int, float] = field(default_factory=dict)
    paces: Dict[int, Pace] = field(default_factory=dict)


@dataclass
class SourceState:
    """One source's standing, by its place among the sources. `refused`: blobs that it does not give.

    `barred`: blobs that it may give later, and when. `repeated`: of a blob that it gives from 0 alone, the bytes that
    were had already, and `spared`: until when others are asked for the rest. `pauses`: until when connections keep
    their place after a failure. `demotions`: how often in a row it was too slow, or silent.
    """

    number: int
    source: Source
    health: Health = field(default_factory=Health)
    refused: Set[int] = field(default_factory=set)
    barred: Dict[int, float] = field(default_factory=dict)
    goodput: Goodput = field(default_factory=Goodput)
    allowance: Allowance = field(default_factory=Allowance)
    pauses: List[float] = field(default_factory=list)
    repeated: Dict[int, int] = field(default_factory=dict)
    spared: Dict[int, float] = field(default_factory=dict)
    pace: Pace = UNKNOWN
    demotions: int = 0
    demoted_until: float = float("-inf")
    received: int = 0
    errors: int = 0
    stalls: int = 0
    wrong: int = 0

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def resting_until(self) -> float:
        return max(self.health.resting_until, self.demoted_until)

    def is_barred(self, blob: int, now: float) -> bool:
        return self.barred.get(blob, now) > now

    def demote(self, now: float) -> None:
        """Too slow beside another source, or silent: it rests, and is measured anew."""
        rest = min(_REST_MOST, _REST * 2.0 ** min(self.demotions, 10))
        self.demotions += 1
        self.demoted_until = now + rest
        self.goodput.reset()

    def standing(self, now: float) -> Standing:
        goodput = self.goodput
        return Standing(self.number, goodput.connections, goodput.speed(now), goodput.total(now), goodput.is_settled)


class Pool:
    """`states` of the sources, in the order given."""

    def __init__(
        self, sources: Sequence[Source], blobs: int, trust: Trust, policy: RetryPolicy, luck: Callable[[], float]
    ) -> None:
        self.states = [SourceState(number, source) for number, source in enumerate(sources)]
        self.is_several = len(sources) > 1
        self._blobs, self._trust, self._policy, self._luck = range(blobs), trust, policy, luck

    # Who is asked

    def order(self, worker: Worker, now: float, connections: int) -> List[SourceState]:
        """The sources that `worker` may ask now, best first."""
        ready = [state for state in self.states if self._is_ready(state, worker, now, connections)]
        if len(ready) < 2:
            return ready
        return [self.states[number] for number in order([state.standing(now) for state in ready], connections)]

    def wake_at(self, worker: Worker) -> float:
        """When the first source may be asked by `worker`."""
        return min(max(state.health.resting_until, worker.resting.get(state.number, 0.0)) for state in self.states)

    def next_at(self, worker: Worker, now: float) -> float:
        """When the next of those that `worker` may not ask yet may be asked."""
        ends = (max(one.health.resting_until, worker.resting.get(one.number, 0.0)) for one in self.states)
        return min((end for end in ends if end > now), default=float("inf"))

    def _is_ready(self, state: SourceState, worker: Worker, now: float, connections: int) -> bool:
        if max(state.health.resting_until, worker.resting.get(state.number, 0.0)) > now:
            return False
        most = min(connections, state.allowance.limit(now))
        if self.is_several and (state.health.failures or (state.demotions and state.goodput.speed(now) is None)):
            most = 1  # it comes back: one connection looks if it is well
        state.pauses = [until for until in state.pauses if until > now]
        return state.goodput.connections + len(state.pauses) < most

    def room(self, connections: int, now: float) -> int:
        """Of so many connections, how many the hosts take."""
        return int(min(connections, sum(state.allowance.limit(now) for state in self.states)))

    def usable(self, blob: int) -> Sequence[int]:
        """The sources that give `blob`, but for those that are given up, unless all are."""
        giving = [state.number for state in self.states if blob not in state.refused]
        return [one for one in giving if self.states[one].health.failures < self._policy.attempts] or giving

    def candidates(self, blob: int, but: Optional[int] = None) -> Sequence[int]:
        """The sources that may be asked for `blob`, well or not; or those that could, were `but` failing."""
        usable = self.usable(blob)
        well = {one for one in usable if one != but and self.states[one].health.failures < _FAILING}
        return self._trust.candidates(blob, usable, well)

    def closed(self, state: SourceState, ledger: Ledger, now: float) -> Set[int]:
        """The blobs for which this source cannot be asked now."""
        found = state.refused | {blob for blob in state.barred if state.is_barred(blob, now)}
        if self.is_several:
            is_demoted = state.demoted_until > now
            for blob, blob_state in enumerate(ledger.states):
                is_barred = self._trust.is_doubted(blob) and state.number not in self.candidates(blob)
                is_better = is_demoted and self.is_another_well(state.number, blob, now)
                if is_barred or is_better or self._is_left(state.number, blob, blob_state, now):
                    found.add(blob)
        return found

    def others_honour(self, number: int, blob: int, blob_state: BlobState, now: float) -> bool:
        """Whether another source, which is well, gives ranges of the blob."""
        return self.is_another_well(number, blob, now, blob_state.one_stream)

    def is_another_well(self, number: int, blob: int, now: float, but: Container[int] = ()) -> bool:
        """Whether the blob may be asked of another source that is neither failing nor demoted."""
        return self._is_any_well(
            (one for one in self.candidates(blob) if one != number and one not in but), blob, now
        )

    def is_another_left(self, number: int, blob: int, now: float) -> bool:
        """The same, were this source failing: then a liar may be asked."""
        return self._is_any_well((one for one in self.candidates(blob, number) if one != number), blob, now)

    def _is_any_well(self, numbers: Iterable[int], blob: int, now: float) -> bool:
        found = (self.states[one] for one in numbers)
        well = (state for state in found if not state.health.failures and state.resting_until <= now)
        return any(not state.is_barred(blob, now) for state in well)

    def _is_left(self, number: int, blob: int, blob_state: BlobState, now: float) -> bool:
        """Whether a source that gives the blob from 0 alone is left out: others give ranges, and have begun."""
        if number not in blob_state.one_stream:
            return False
        if self.states[number].spared.get(blob, now) > now and self._is_another_giving(number, blob, now):
            return True
        if not self.others_honour(number, blob, blob_state, now):
            return False
        if now - blob_state.one_stream[number] > _IGNORES:
            del blob_state.one_stream[number]
            return False
        return bool(blob_state.runs) or blob_state.had.contiguous_end(0) > 0

    # What they did

    def opened(self, state: SourceState, now: float) -> None:
        state.goodput.opened(now)

    def received(self, state: SourceState, count: int, now: float) -> None:
        state.received += count
        state.goodput.received(count, now)

    def repeated(self, state: SourceState, blob: int, size: int, count: int, now: float) -> None:
        """The source, which gives the blob of `size` from 0 alone, sent `count` bytes of it that were had.

        That may cost as much as the blob; beyond that the rest is for others, as long as they give.
        """
        total = state.repeated[blob] = state.repeated.get(blob, 0) + count
        if total > size:
            state.spared[blob] = now + min(_REST_MOST, _GIVES * 2.0 ** min(total // size - 1, 10))

    def closed_one(self, state: SourceState, now: float) -> None:
        state.goodput.closed(now)

    def moved(self, state: SourceState, worker: Worker, now: float) -> None:
        """The source gave new bytes to `worker`."""
        state.health = state.health.moved(now)
        worker.failures = 0

    def refused(self, state: SourceState, blob: int, error: DockferryError) -> None:
        """What no retry can mend: the blob, or everything where the host itself cannot be trusted."""
        state.errors += 1
        state.refused.update(self._blobs if isinstance(error, CertificateError) else (blob,))

    def failed(
        self, state: SourceState, worker: Worker, run: Run, began: float, error: DockferryError, now: float
    ) -> Tuple[int, float]:
        """A request failed: how often without progress, and how long until the next."""
        if isinstance(error, StorageError):  # of this blob alone
            state.errors += 1
            wait = self._policy.rest(error.number, self._luck())
            state.barred[run.blob] = now + wait
            return error.number, wait
        since = began
        if isinstance(error, BodyError) and now - run.last_at >= _QUIET:
            if self._stalled(state, now):
                since = max(began, now - _QUIET)  # what it gave before it fell silent does not make it well
        else:
            state.errors += 1
        asked = error.retry_after if isinstance(error, BusyError) else None
        if isinstance(error, NetworkError) and error.asks_for_less and state.goodput.connections:
            since = min(since, now - _OF_LATE)  # its answer came so soon that no byte came to others meanwhile
        if not state.health.is_alive(since):
            count, luck = state.health.failures + 1, self._luck()
            is_rest = not run.received or asked is not None
            wait = self._policy.rest(count, luck, asked) if is_rest else self._policy.again(count, luck)
            state.health = state.health.failed(began, now, wait)
            return state.health.failures, wait
        worker.failures += 1
        wait = self._policy.pause(worker.failures, self._luck(), asked)
        worker.resting[state.number] = now + wait
        if isinstance(error, NetworkError) and error.asks_for_less:
            state.allowance.refused(state.goodput.connections + 1, now)
        else:
            state.pauses.append(now + wait)
        return worker.failures, wait

    def overtaken(self, state: SourceState, run: Run, now: float) -> None:
        """Others brought what a connection was to bring, or the transfer is over: was it silent?"""
        if now - run.last_at > _OF_LATE:
            self._stalled(state, now)

    def _stalled(self, state: SourceState, now: float) -> bool:
        """A connection went silent; whether that is the source's doing. What fell silent together counts once."""
        state.stalls += 1
        is_all = self.is_several and not state.health.is_alive(now - _QUIET)
        if is_all and state.resting_until <= now:
            state.demote(now)
        return is_all

    def is_hopeless(self, blob: int) -> bool:
        """Whether no source gives this blob: each has refused it, or has been tried as often as the policy says."""
        return all(blob in state.refused or state.health.failures >= self._policy.attempts for state in self.states)

    def is_any_giving(self, since: float) -> bool:
        """Whether any source has given bytes since then."""
        return any(state.health.is_alive(since) for state in self.states)

    def is_another_giving(self, number: int, since: float) -> bool:
        """Whether a source other than this one has given bytes since then."""
        return any(state.number != number and state.health.is_alive(since) for state in self.states)

    def _is_another_giving(self, number: int, blob: int, now: float) -> bool:
        """Whether one of the others that may be asked for this blob gives bytes, and is not spared itself."""
        others = (self.states[one] for one in self.candidates(blob) if one != number)
        return any(other.health.is_alive(now - _GIVES) and other.spared.get(blob, now) <= now for other in others)

    def look_for_slow(self, now: float) -> Optional[int]:
        """The number of a source that should lose a connection since it is far slower than another.

        It rests if that was its last.
        """
        well = [state for state in self.states if self._is_judged(state, now)]
        low = maybe_low([state.standing(now) for state in well])
        for state in well:
            if state.goodput.is_settled and state.number != low:
                state.demotions = 0
        if low is not None and self.states[low].goodput.connections == 1:
            self.states[low].demote(now)
        return low

    def _is_judged(self, state: SourceState, now: float) -> bool:
        """Whether its speed tells something: it gives bytes, or could."""
        if state.number in self._trust.banned or state.health.failures or state.resting_until > now:
            return False
        return state.goodput.connections == 0 or state.health.is_alive(now - _OF_LATE)

    def reports(self) -> Tuple[SourceReport, ...]:
        """What each source has done so far."""
        received = sum(state.received for state in self.states)
        return tuple(
            SourceReport(
                source=state.name,
                received=state.received,
                share=state.received / received if received else 0.0,
                speed=state.received / state.goodput.used if state.goodput.used else 0.0,
                errors=state.errors,
                stalls=state.stalls,
                wrong=state.wrong,
                banned=state.number in self._trust.banned,
            )
            for state in self.states
        )
