"""Throttle: holds one connection to so many bytes a second, paced by the clock."""

from __future__ import annotations

from typing import Callable, Iterator, Optional, Tuple

_UNHURRIED = 2 << 20
_STEP_SECONDS = 0.02
_LARGEST, _SMALLEST = 64 << 10, 512


class Throttle:
    """`rate` in bytes a second, None for as fast as it goes; `clock` in seconds; `wait` sleeps that long.

    A connection that was idle or late may not make up for more than one step: sixteen connections
    together get sixteen times the rate, and never a burst.
    """

    def __init__(self, rate: Optional[float], clock: Callable[[], float], wait: Callable[[float], object]) -> None:
        if rate is not None and rate <= 0:
            raise ValueError(f"wanted a rate above 0, got {rate}")
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._due = float("-inf")

    def steps(self, start: int, end: int) -> Iterator[Tuple[int, int]]:
        """`start` to `end` in pieces to send one after the other; the throttle waits between them."""
        step = _UNHURRIED if self._rate is None else _step(self._rate)
        while start < end:
            stop = min(end, start + step)
            yield start, stop
            self._pace(stop - start)
            start = stop

    def _pace(self, count: int) -> None:
        if self._rate is None:
            return
        now = self._clock()
        self._due = max(self._due, now - _STEP_SECONDS) + count / self._rate
        if self._due > now:
            self._wait(self._due - now)


def _step(rate: float) -> int:
    return min(_LARGEST, max(_SMALLEST, int(rate * _STEP_SECONDS)))
