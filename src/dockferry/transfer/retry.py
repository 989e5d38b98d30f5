"""When to try again: one policy for everything that fails. Pure: times come in, waits go out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class RetryPolicy:
    """`attempts` in a row without one new byte, then a source is given up. Times in seconds.

    The first try again comes almost at once (most drops are one connection's bad luck); from the second on
    the wait doubles from `base` up to `longest`.
    """

    attempts: int = 20
    base: float = 5.0
    longest: float = 600.0
    first: float = 0.5

    def wait(self, number: int, luck: float, retry_after: Optional[float] = None) -> float:
        """Seconds before the `number`-th try without progress (from 1); `luck` in [0, 1) is the jitter.

        What the host asked for (`retry_after`) is honoured, but never beyond `longest`.
        """
        full = self.first if number <= 1 else self.base * 2.0 ** min(number - 2, 32)
        wait = min(self.longest, full) * (0.5 + luck / 2)
        if retry_after is not None:
            wait = max(wait, min(self.longest, retry_after) * (1 + luck / 10))
        return wait


@dataclass(frozen=True)
class Health:
    """What is known of a source's failures: a value, every change gives a new one."""

    failures: int = 0
    """Tries in a row without one new byte."""
    counted_at: float = float("-inf")
    resting_until: float = float("-inf")
    moved_at: float = float("-inf")
    """When the last byte came."""

    def moved(self, now: float) -> Health:
        """A byte came: the count starts again."""
        return Health(moved_at=now)

    def failed(self, began: float, now: float, wait: float) -> Health:
        """An attempt that began at `began` failed without a byte; the source rests for `wait`.

        Attempts that were under way together fail together: they count once.
        """
        if began < self.counted_at:
            return self
        return Health(self.failures + 1, now, max(self.resting_until, now + wait), self.moved_at)

    def is_alive(self, began: float) -> bool:
        """Whether the source gave bytes, to any connection, since `began`."""
        return self.moved_at >= began
