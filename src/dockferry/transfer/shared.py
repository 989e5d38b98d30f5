"""Shared: the lock of one transfer, what its threads wait for under it, what they tell, and the end."""

from __future__ import annotations

import threading
from collections import deque
from typing import Deque, Optional

from ..events import Event


class Stopped(Exception):
    """The transfer is over: a thread that gets this goes home."""


class Shared:
    """`is_over` is set once, by success, failure or stop; `error` says which. Methods are called under the lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.work = threading.Condition(self.lock)
        """There may be a range to fetch."""
        self.spare = threading.Condition(self.lock)
        """One more connection may be used."""
        self.hashing = threading.Condition(self.lock)
        """There may be something to hash."""
        self.paced = threading.Condition(self.lock)
        """A hash that lay far behind has come closer."""
        self.main = threading.Condition(self.lock)
        """There is something to tell, or the end."""
        self.events: Deque[Event] = deque()
        self.is_over = False
        self.error: Optional[BaseException] = None

    def tell(self, event: Event) -> None:
        """Leave `event` for the main thread."""
        self.events.append(event)
        self.main.notify()

    def end(self, error: Optional[BaseException]) -> None:
        """The transfer is over, with `error` or well; a second end changes nothing."""
        if self.is_over:
            return
        self.is_over = True
        self.error = error
        for condition in (self.work, self.spare, self.hashing, self.paced, self.main):
            condition.notify_all()

    def check(self) -> None:
        """Raises Stopped when the transfer is over."""
        if self.is_over:
            raise Stopped
