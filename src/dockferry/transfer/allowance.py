"""The allowance: how many connections one host takes. Pure: times come in, a number goes out.

A host that asks for less (429, or refused while others work) gets less at once, and after a while one more at a time.
"""

from __future__ import annotations

_REST = 60.0
_STEP = 30.0


class Allowance:
    """Unlimited until the host says otherwise. Times in seconds."""

    def __init__(self) -> None:
        self._limit = float("inf")
        self._more_at = float("inf")

    def limit(self, now: float) -> float:
        """Connections that may be open."""
        if now >= self._more_at:
            self._limit += 1
            self._more_at = now + _STEP
        return self._limit

    def refused(self, active: int, now: float) -> None:
        """The host asked for less while `active` connections were in use: go below, and stay there for a while."""
        self._limit = max(1, min(self._limit, active - 1))
        self._more_at = now + _REST
