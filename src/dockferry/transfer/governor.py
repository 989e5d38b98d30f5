"""The governor: how many connections to use. Pure: samples come in, a number goes out.

Strategy: hill climbing on goodput. Begin with five; add some while the last addition brought at least a tenth more;
otherwise go back and hold, and look again after a while. How many one host takes is its allowance's affair.
"""

from __future__ import annotations

from typing import Optional

from ..choices import MAX_THREADS

START = 5
_STEP = 3
_SETTLE = 1.0
_MEASURE = 2.0
_HOLD = 30.0
_GAIN = 1.10


class Governor:
    """`fixed` connections, or as many as pay. Times in seconds, `received` the bytes received so far."""

    def __init__(self, fixed: Optional[int] = None) -> None:
        self.target = fixed or START
        self._is_fixed = fixed is not None
        self._since: Optional[float] = None
        self._received = 0
        self._before: Optional[float] = None  # goodput before the last addition
        self._hold_until = float("-inf")

    def sample(self, now: float, received: int, is_saturated: bool) -> int:
        """The number of connections to use from now on; `is_saturated`: all of them have work."""
        if self._is_fixed or now < self._hold_until or not is_saturated:
            self._since = None
            return self.target
        if self._since is None:
            self._since, self._received = now + _SETTLE, received
            return self.target
        if now < self._since:
            self._received = received
            return self.target
        if now - self._since < _MEASURE:
            return self.target
        self._judge((received - self._received) / (now - self._since), now)
        self._since = None
        return self.target

    def _judge(self, goodput: float, now: float) -> None:
        if self._before is not None and goodput < self._before * _GAIN:
            self.target = max(START, self.target - _STEP)
            self._before = None
            self._hold_until = now + _HOLD
        elif self.target < MAX_THREADS:
            self.target = min(MAX_THREADS, self.target + _STEP)
            self._before = goodput
        else:
            self._hold_until = now + _HOLD
