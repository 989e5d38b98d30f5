"""Progress: from the shared state to one event, as often as somebody looks, never more."""

from __future__ import annotations

from collections import deque
from typing import Deque, Dict, Optional, Tuple

from ..events import BlobProgress, Progress
from .state import TransferState

_SPAN = 5.0
"""Seconds over which the speed that people see is taken."""


class Meter:
    """Bytes a second of late, from a total that grows."""

    def __init__(self, now: float) -> None:
        self._samples: Deque[Tuple[float, int]] = deque([(now, 0)])

    def speed(self, now: float, total: int) -> float:
        samples = self._samples
        if now - samples[-1][0] >= 0.2:
            samples.append((now, total))
        while len(samples) > 2 and now - samples[1][0] > _SPAN:
            samples.popleft()
        span = now - samples[0][0]
        return (total - samples[0][1]) / span if span > 0 else 0.0


class ProgressMaker:
    """Makes the `Progress` event; keeps what must be remembered between two looks."""

    def __init__(self, state: TransferState) -> None:
        self._state = state
        self._began = state.clock()
        self._meter = Meter(self._began)
        self._first_seen: Dict[int, float] = {}

    def look(self) -> Progress:
        """The state of things now; takes the lock for a moment."""
        state = self._state
        with state.shared.lock:
            now = state.clock()
            had = hashed = 0
            active = []
            for number, blob_state in enumerate(state.ledger.states):
                done = blob_state.had.total
                had += done
                hashed += state.proof.frontiers[number].offset
                if blob_state.runs or state.proof.is_checking(number):
                    active.append(self._blob(number, done, now))
            speed = self._meter.speed(now, state.received)
            return Progress(
                elapsed=now - self._began,
                layers_done=len(state.proof.good),
                layers=len(state.ledger.states),
                done=had,
                hashed=hashed,
                size=state.ledger.size,
                received=state.received,
                speed=speed,
                remaining=_remaining(state.ledger.size - had, speed),
                connections=len(state.dispatch.jobs),
                active=tuple(active),
            )

    def _blob(self, number: int, done: int, now: float) -> BlobProgress:
        state = self._state
        blob_state = state.ledger.states[number]
        speed = sum(run.speed(now) or 0.0 for run in blob_state.runs)
        return BlobProgress(
            digest=str(blob_state.blob.digest),
            size=blob_state.blob.size,
            done=done,
            hashed=state.proof.frontiers[number].offset,
            speed=speed,
            elapsed=now - self._first_seen.setdefault(number, now),
            remaining=_remaining(blob_state.blob.size - done, speed),
        )


def _remaining(missing: int, speed: float) -> Optional[float]:
    return missing / speed if speed > 0 else None
