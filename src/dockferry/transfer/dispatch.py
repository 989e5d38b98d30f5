"""Dispatch: what an idle connection is given to do, and at which source. Pure: no I/O, no lock, no clock of its own.

Strategy: the governor says how many connections there may be, the pool which sources may be asked and in which order,
the scheduler what to ask for.
"""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from .governor import Governor
from .jobs import Job
from .ledger import Ledger, Run
from .pool import Closed, Pool
from .scheduler import Assignment, Idle, Rules, assign, choose, is_left_alone
from .source_state import SourceState, Worker
from .watch import is_quiet


class Dispatch:
    """`jobs`: what the connections have in hand, by run. Methods are called under the transfer's lock."""

    def __init__(self, ledger: Ledger, pool: Pool, governor: Governor, rules: Rules) -> None:
        self.jobs: Dict[Run, Job] = {}
        self.governor, self.rules = governor, rules
        self._ledger, self._pool = ledger, pool

    def maybe_job(self, worker: Worker, now: float) -> Optional[Job]:
        """Something to do, if there is something for `worker`."""
        if not self.has_room(now):
            return None
        found = self._choose(worker, now)
        if found is None:
            return None
        choice, source = found
        run = assign(self._ledger, choice, now, source.number)
        job = self.jobs[run] = Job(run, self._ledger.states[choice.blob].blob, source, worker, now)
        source.goodput.opened(now)
        return job

    def has_room(self, now: float) -> bool:
        """Whether one more connection may be used."""
        return len(self.jobs) < self._connections(now)

    def is_young(self, now: float) -> bool:
        """Whether a connection is left alone with its blob for a moment, and others may soon join it."""
        return any(is_left_alone(state, now, self.rules) for _, state in self._ledger.busy(()))

    def is_more_wanted(self, received: int, now: float) -> bool:
        """Let the governor look at the bytes `received` so far: whether more connections may be used than before."""
        before = self.governor.target
        return self.governor.sample(now, received, len(self.jobs) >= before) > before

    def _connections(self, now: float) -> int:
        """How many may be open: those that are given up, or give nothing any more, come on top."""
        dead = sum(job.is_given_up or is_quiet(job, now) for job in self.jobs.values())
        return self.governor.target + dead

    def _choose(self, worker: Worker, now: float) -> Optional[Tuple[Assignment, SourceState]]:
        """What nobody has begun comes first, from whatever source; then what the best source could take over."""
        found: Optional[Tuple[Assignment, SourceState]] = None
        most = self._connections(now)
        connections = self._pool.room(most, now)
        for source in self._pool.order(worker, now, most):
            closed = Closed(self._pool, source, self._ledger, now)
            idle = Idle(connections, source.pace_of(worker), source.number, len(self._pool.states), closed)
            choice = choose(self._ledger, idle, now, self.rules)
            if choice is not None and choice.victim is None:
                return choice, source
            if choice is not None and (found is None or (found[0].is_twin and not choice.is_twin)):
                found = choice, source
        return found
