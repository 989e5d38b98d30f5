"""When to try again: one policy for everything that fails. Pure: times come in, waits go out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

_QUICK = 0.1
"""Seconds: the first wait where the host is there."""
_CONTACTS = 3
"""Tries that are made at least, however long they take: a host may be silent, and not dead."""


@dataclass(frozen=True)
class RetryPolicy:
    """`attempts` in a row without one new byte, then a source is given up. Times in seconds.

    Three things fail, and each has its wait, jittered by `luck` in [0, 1), before the `number`-th try in a row (from
    1): a source that gives nothing (`rest`), one that answers but brings nothing new (`again`), and one connection
    to a source that gives bytes to others (`pause`). None is longer than `longest`, no pause longer than `base`.

    Before anything is known of an image, a host that gives no connection may be a wrong name: such tries end
    `contact` seconds after the first, which a restart takes less than. None: the number of tries alone counts.
    """

    attempts: int = 20
    base: float = 5.0
    longest: float = 600.0
    first: float = 0.5
    contact: Optional[float] = 60.0

    def left(self, number: int, passed: float, is_known: bool) -> Optional[float]:
        """The longest that may be waited after `number` failures in a row, the first of them `passed` seconds ago;
        None where no more try is made. `is_known`: a host has answered.
        """
        if number >= self.attempts:
            return None
        if is_known or self.contact is None:
            return float("inf")
        return None if passed >= self.contact and number >= _CONTACTS else max(self.contact - passed, self.first)

    def for_unknown_name(self) -> RetryPolicy:
        """The policy where the resolver knows no such host: it is told as soon as the first few tries are made."""
        return self if self.contact is None else replace(self, contact=0.0)

    def rest(self, number: int, luck: float, retry_after: Optional[float] = None) -> float:
        """A source gives nothing. The first try again comes almost at once (most drops are one connection's bad
        luck); from the second on the wait doubles from `base` up to `longest`.
        """
        return self._wait(self._silent(number), luck, retry_after)

    def again(self, number: int, luck: float) -> float:
        """A source answers, with nothing that was missing. The next reply may reach further, so that it is asked
        soon; but what it sends again costs it and us, so that the wait doubles, to `longest` too.
        """
        return self._wait(min(self._silent(number), _doubled(_QUICK, number)), luck)

    def pause(self, number: int, luck: float, retry_after: Optional[float] = None) -> float:
        """One connection's bad luck: the source gives bytes to others meanwhile, and is not at its end."""
        return self._wait(min(self.base, _doubled(_QUICK, number)), luck, retry_after)

    def _silent(self, number: int) -> float:
        return self.first if number <= 1 else _doubled(self.base, number - 1)

    def _wait(self, full: float, luck: float, retry_after: Optional[float] = None) -> float:
        """What the host asks for (`retry_after`) is the least; beyond `longest` it means nothing."""
        wait = min(self.longest, full) * (0.5 + luck / 2)
        if retry_after is not None and retry_after <= self.longest:
            wait = max(wait, retry_after * (1 + luck / 10))
        return wait


def _doubled(seconds: float, number: int) -> float:
    return seconds * 2.0 ** min(number - 1, 32)


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
