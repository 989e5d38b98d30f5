"""Service: what all connections of a server share: the store, the pace, the counts, and the word that it ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Callable, Optional

from .store import Store


@dataclass(frozen=True)
class Served:
    """One request and what it got: `sent` bytes of body, fewer than were due if the client left."""

    method: str
    target: str
    range: Optional[str]
    status: int
    sent: int
    client: int
    """The client's port: which connection it was."""


OnRequest = Callable[[Served], None]


class Service:
    """`rate` in bytes a second for each connection, None for as fast as it goes; `sent` counts bytes of bodies."""

    def __init__(self, store: Store, rate: Optional[float], on_request: OnRequest) -> None:
        self.store = store
        self.rate = rate
        self.on_request = on_request
        self.ending = threading.Event()
        self.sent = 0
        self._lock = threading.Lock()

    def count(self, sent: int) -> None:
        """Add to the bytes of bodies that were sent."""
        with self._lock:
            self.sent += sent
