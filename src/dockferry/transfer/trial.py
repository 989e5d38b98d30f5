"""Trials: whether a blob in doubt is right as it stands, before all of its doubtful bytes have come again.

Strategy: all bytes of such a blob are on disk; those in doubt are fetched again and compared. When some come as
something else, what stands there then may be the blob: it is hashed from the disk, from the last byte beyond doubt
on, while more is fetched. Every change counts: a trial says something only of what nobody has changed since it began.
"""

from __future__ import annotations

from typing import Dict, Optional


class Trials:
    """Of the blobs in doubt, by number. Methods are called under the transfer's lock."""

    def __init__(self) -> None:
        self._count = 0
        self._changed: Dict[int, int] = {}
        self._tried: Dict[int, int] = {}
        self._running: Dict[int, int] = {}

    def doubt(self, number: int) -> None:
        """The blob is in doubt, and as it stands it is wrong."""
        self._count += 1
        self._changed[number] = self._tried[number] = self._count

    def settle(self, number: int) -> None:
        """It is in doubt no more, or its bytes are not there."""
        self._changed.pop(number, None)

    def is_doubted(self, number: int) -> bool:
        return number in self._changed

    def changed(self, number: int) -> None:
        """Other bytes stand there now."""
        if number in self._changed:
            self._count += 1
            self._changed[number] = self._count

    def maybe_begin(self) -> Optional[int]:
        """A blob to be tried now, if there is one; it is tried once at a time, until `ended`."""
        for number, changed in self._changed.items():
            if changed != self._tried[number] and number not in self._running:
                self._running[number] = self._tried[number] = changed
                return number
        return None

    def ended(self, number: int) -> bool:
        """The trial is over: whether the blob still stands as it did when that began."""
        return self._running.pop(number) == self._changed.get(number)
