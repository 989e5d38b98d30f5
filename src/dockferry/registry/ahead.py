"""Ahead: connections that are opened before they are needed: far away each costs one to three round trips."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any, List


class Ahead:
    """The connections of one transport that are being opened, each in a thread of its own."""

    def __init__(self) -> None:
        self._threads: List[threading.Thread] = []

    def open(self, pool: Any, count: int, timeout: float) -> None:
        """See to it that `count` connections wait in `pool`, those that wait there already among them."""
        for connection in [pool._get_conn() for _ in range(count)]:
            if connection.is_closed:
                thread = threading.Thread(target=_open, args=(pool, connection, timeout), daemon=True)
                self._threads.append(thread)
                thread.start()
            else:
                pool._put_conn(connection)

    def wait(self, seconds: float) -> None:
        """Until all are open, or cannot be opened, or time is up."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _open(pool: Any, connection: Any, timeout: float) -> None:
    """What goes wrong is not told: whoever needs the connection will try it again, and meet the same."""
    connection.timeout = timeout
    with contextlib.suppress(Exception):
        connection.connect()
        connection.is_kept = True
    pool._put_conn(connection)
