"""The pool: all sources of one transfer: who may be asked now, for what, and in which order.

Strategy: a source that fails is asked by nobody until it has rested. One that is slow, or repeats itself, is left for
another, but not for what no better one gives. Methods are called under the transfer's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Container, Iterable, List, Optional, Sequence, Tuple

from ..errors import CertificateError, DockferryError
from ..events import SourceReport
from .choice import maybe_low, order
from .ledger import BlobState, Ledger
from .protocols import Source
from .retry import RetryPolicy
from .source_state import SourceState, Worker
from .trust import Trust

_FAILING = 3
"""Failures in a row without one new byte, from which on a source is no reason to leave another one alone."""
_IGNORES = 30.0
"""Seconds after which a source that ignored ranges of a blob is asked for a range of it again."""
_GIVES = 60.0
"""Seconds: a source that gave bytes within that time is one to wait for."""


@dataclass(frozen=True)
class Closed:
    """The blobs for which `source` cannot be asked `now`, as far as somebody wants to know."""

    pool: Pool
    source: SourceState
    ledger: Ledger
    now: float

    def __contains__(self, blob: object) -> bool:
        assert isinstance(blob, int)
        return self.pool.is_closed(self.source, blob, self.ledger.states[blob], self.now)


class Pool:
    """`states` of the sources, in the order given."""

    def __init__(
        self, sources: Sequence[Source], blobs: int, trust: Trust, policy: RetryPolicy, luck: Callable[[], float]
    ) -> None:
        self.is_several = len(sources) > 1
        self.states = [
            SourceState(number, source, policy, luck, is_only=not self.is_several)
            for number, source in enumerate(sources)
        ]
        self._blobs, self._trust, self._policy = range(blobs), trust, policy

    # Who is asked

    def order(self, worker: Worker, now: float, connections: int) -> List[SourceState]:
        """The sources that `worker` may ask now, best first."""
        ready = [one for one in self.states if one.ready_at(worker) <= now and one.has_room(connections, now)]
        if len(ready) < 2:
            return ready
        return [self.states[number] for number in order([state.standing(now) for state in ready], connections)]

    def wake_at(self, worker: Worker) -> float:
        """When the first source may be asked by `worker`."""
        return min(state.ready_at(worker) for state in self.states)

    def next_at(self, worker: Worker, now: float) -> float:
        """When the next of those that `worker` may not ask yet may be asked."""
        ends = (state.ready_at(worker) for state in self.states)
        return min((end for end in ends if end > now), default=float("inf"))

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

    def is_closed(self, state: SourceState, blob: int, blob_state: BlobState, now: float) -> bool:
        """Whether this source cannot be asked for the blob now."""
        if blob in state.refused or state.is_barred(blob, now):
            return True
        if not self.is_several:
            return False
        if self._trust.is_doubted(blob) and state.number not in self.candidates(blob):
            return True
        is_better = state.demoted_until > now and self.is_another_well(state.number, blob, now)
        return is_better or self._is_left(state.number, blob, blob_state, now)

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
        well = [one for one in self.states if one.is_judged(now) and one.number not in self._trust.banned]
        low = maybe_low([state.standing(now) for state in well])
        for state in well:
            if state.goodput.is_settled and state.number != low:
                state.demotions = 0
        if low is not None and self.states[low].goodput.connections == 1:
            self.states[low].demote(now)
        return low

    # What they did

    def refused(self, state: SourceState, blob: int, error: DockferryError) -> None:
        """What no retry can mend: the blob, or everything where the host itself cannot be trusted."""
        state.errors += 1
        state.refused.update(self._blobs if isinstance(error, CertificateError) else (blob,))

    def reports(self) -> Tuple[SourceReport, ...]:
        """What each source has done so far."""
        total = sum(state.received for state in self.states)
        return tuple(state.report(total, is_banned=state.number in self._trust.banned) for state in self.states)
