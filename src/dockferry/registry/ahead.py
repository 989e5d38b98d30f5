"""Ahead: connections that are dialled before they are needed: far away each costs one to three round trips.

*Strategy.* A thread dials each of them. Who needs a new connection takes one of these instead, and waits for it where
it is still on its way: so there are no more of them than there would have been, only sooner.
"""

from __future__ import annotations

import threading
import time
from typing import Any, Iterable, List, Optional

from ..system.open_files import may_open
from .lines import Lines

_SOON = 1.0
"""Seconds: a failure that was waited for no longer than this costs little to try again."""
_HEARTBEAT = 0.05
"""Seconds after which an aborted call is heard of, at most."""
_ROOM = 64
"""Open files: 20 connections, two each while they are dialled, and what the rest of a pull needs."""


class Ahead:
    """The connections of one pool that are on their way, or there and not yet asked anything; used by all threads."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._lock = threading.Lock()
        self._dials: List[_Dial] = []

    def dial(self, connections: Iterable[Any]) -> None:
        """Begin to connect them. What goes wrong is told only to who waits for it.

        Where few files may be open at once nothing is begun: those of the archive come first.
        """
        if not may_open(_ROOM):
            return
        begun = [_Dial(connection) for connection in connections]
        with self._lock:
            self._dials += begun

    def maybe_take(self) -> Any:
        """A connection, the caller's from now on: open, or closed where that failed soon; None if there is none.

        Raises what the dialling came to where it was long waited for; ConnectError if the caller's call was aborted.
        """
        with self._lock:
            if not self._dials:
                return None
            dial = next((one for one in self._dials if one.is_over), self._dials[0])
            self._dials.remove(dial)
        try:
            dial.wait(self._lines)
        except BaseException:
            dial.drop()
            raise
        if not dial.connection.is_connected:  # the far end would not wait for a request
            dial.connection.close()
        return dial.connection

    def close(self) -> None:
        """Close those that nobody has taken; one that is still on its way, as soon as it is there."""
        with self._lock:
            dials, self._dials = self._dials, []
        for dial in dials:
            dial.drop()


class _Dial:
    """One connection and the thread that connects it."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._error: Optional[Exception] = None
        self._is_dropped = False
        threading.Thread(target=self._run, name=f"dial {connection.host}", daemon=True).start()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def wait(self, lines: Lines) -> None:
        """Until it is over. Raises as `Ahead.maybe_take`."""
        began = time.monotonic()
        while not self._over.wait(_HEARTBEAT):
            lines.waits(None)
        if self._error is not None and time.monotonic() - began > _SOON:
            raise self._error

    def drop(self) -> None:
        """Nobody wants it: it closes now, or when it is over."""
        with self._lock:
            self._is_dropped = True
            if self.is_over:
                self.connection.close()

    def _run(self) -> None:
        try:
            self.connection.connect()
            self.connection.is_kept = True
        except Exception as error:  # of any library beneath
            self._error = error
            self.connection.close()
        with self._lock:
            self._over.set()
            if self._is_dropped:
                self.connection.close()
