"""Ahead: connections that are opened before they are needed: far away each costs one to three round trips."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any, List, Tuple


class Ahead:
    """The connections of one transport that are being opened, each in a thread of its own."""

    def __init__(self) -> None:
        self._opening: List[Tuple[threading.Thread, Any, Any]] = []

    def open(self, pool: Any, count: int, timeout: float) -> None:
        """Begin to open connections, so that `count` wait in `pool` after `wait`, with those that do so now.

        Until then these serve the requests that are made meanwhile.
        """
        for connection in [pool._get_conn() for _ in range(count)]:
            if connection.is_closed:
                thread = threading.Thread(target=_open, args=(connection, timeout), daemon=True)
                self._opening.append((thread, pool, connection))
                thread.start()
            else:
                pool._put_conn(connection)

    def wait(self, seconds: float) -> None:
        """Until all are open, or cannot be opened, or time is up: what is not open then is let go."""
        deadline = time.monotonic() + seconds
        opening, self._opening = self._opening, []
        for thread, pool, connection in opening:
            thread.join(max(0.0, deadline - time.monotonic()))
            if not thread.is_alive():
                pool._put_conn(connection)


def _open(connection: Any, timeout: float) -> None:
    """What goes wrong is not told: whoever needs the connection will try it again, and meet the same."""
    connection.timeout = timeout
    with contextlib.suppress(Exception):
        connection.connect()
        connection.is_kept = True
