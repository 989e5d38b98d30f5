"""Goodput: what a source gives of late, for each connection and in all. Pure: bytes and times come in.

Strategy: two sums that fade alike, of bytes and of connection-seconds. Waiting for an answer counts: what is measured
is what asking this source is worth. While nothing is asked of a source, what was known of it stays.
"""

from __future__ import annotations

import math
from typing import Optional

_SPAN = 2.0
"""Seconds over which it fades."""
_LEAST = 0.5
"""Connection-seconds before which nothing is told."""


class Goodput:
    """Times are in seconds, of one clock. `connections` are open now, `used` is how long any was open."""

    def __init__(self) -> None:
        self.connections = 0
        self.used = 0.0
        self._at = 0.0
        self.reset()

    def reset(self) -> None:
        """Nothing is known any more."""
        self._bytes = self._seconds = self._busy = 0.0

    def opened(self, now: float) -> None:
        self._advance(now)
        self.connections += 1

    def closed(self, now: float) -> None:
        self._advance(now)
        self.connections -= 1

    def received(self, count: int, now: float) -> None:
        self._advance(now)
        self._bytes += count

    def speed(self, now: float) -> Optional[float]:
        """Bytes a second of one connection, None while it cannot be told."""
        self._advance(now)
        return self._bytes / self._busy if self._busy >= _LEAST else None

    def total(self, now: float) -> Optional[float]:
        """The same of all connections together."""
        self._advance(now)
        return self._bytes / self._seconds if self._busy >= _LEAST else None

    @property
    def is_settled(self) -> bool:
        """Whether it was measured for as long as it takes to be sure."""
        return self._seconds > 0.75 * _SPAN

    def _advance(self, now: float) -> None:
        passed, self._at = now - self._at, now
        if self.connections == 0 or passed <= 0:
            return
        keep = math.exp(-passed / _SPAN)
        fresh = _SPAN * (1 - keep)
        self._bytes *= keep
        self._seconds = self._seconds * keep + fresh
        self._busy = self._busy * keep + self.connections * fresh
        self.used += passed
