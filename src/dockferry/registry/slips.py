"""Slips: answers to a Range with another range, or with the whole, by a host that may do better next time. Pure."""

from __future__ import annotations

MOST = 8
"""Slips in a row after which the whole is taken, where a Range was answered rightly before."""


class Slips:
    """The patience with one host: none before a Range was answered rightly; half as much each time that it has ended.

    Used by all threads: one that is counted late changes no answer, but the number of requests.
    """

    def __init__(self) -> None:
        self._patience = 1

    def answered(self) -> None:
        """A Range was answered rightly."""
        self._patience = MOST

    def end_patience(self, count: int) -> bool:
        """Whether `count` slips in a row are enough; if they are, fewer will be the next time."""
        if count < self._patience:
            return False
        self._patience = max(1, self._patience // 2)
        return True
