"""Far: a proxy that makes a host on this machine as far away as a round trip of so many seconds.

Strategy: what comes waits for half a round trip before it goes on, in either direction; a connection's first bytes
wait for a whole one more, as for a handshake. All bytes to the client share one rate, as over one line.
"""

from __future__ import annotations

import collections
import contextlib
import socket
import statistics
import threading
import time
from typing import Callable, Deque, Dict, Iterator, List, Tuple

from door import Door

_RECEIVE = 64 * 1024
_IN_FLIGHT = 16 * 1024 * 1024
"""Bytes that a connection may have on the way: more than any link here needs."""


Due = Callable[[float, int], float]
"""From when so many bytes came to when they go on."""


class Pipe:
    """One direction of one connection: what comes from `source` goes to `target` when it is due, in order."""

    def __init__(self, source: socket.socket, target: socket.socket, due: Due) -> None:
        self._source, self._target, self._due = source, target, due
        self._waiting: Deque[Tuple[float, bytes]] = collections.deque()
        self._held = 0
        self._changed = threading.Condition()

    def start(self) -> None:
        for work in (self._take, self._give):
            threading.Thread(target=work, daemon=True).start()

    def _take(self) -> None:
        data = b"-"
        while data:
            try:
                data = self._source.recv(_RECEIVE)
            except OSError:
                data = b""
            now = time.monotonic()
            due = self._due(now, len(data)) if data else now
            with self._changed:
                while self._held > _IN_FLIGHT:
                    self._changed.wait()
                self._held += len(data)
                self._waiting.append((due, data))
                self._changed.notify_all()

    def _give(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self._changed:
                    while not self._waiting:
                        self._changed.wait()
                    due, data = self._waiting.popleft()
                    self._held -= len(data)
                    self._changed.notify_all()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    break
                self._target.sendall(data)
        for one in (self._source, self._target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Far:
    """The way to one host. `connections` counts those that were made."""

    def __init__(self, host: str, round_trip: float, rate: float) -> None:
        name, _, port = host.rpartition(":")
        self._target = name, int(port)
        self._round_trip, self._rate = round_trip, rate
        self._free_at = 0.0
        self._lock = threading.Lock()
        self._sockets: List[socket.socket] = []
        self.connections = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """`host:port` of the proxy."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            try:
                yield f"127.0.0.1:{listener.getsockname()[1]}"
            finally:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                for one in self._sockets:
                    one.close()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._target)
                for one in (near, far):  # a line keeps nothing back to make fuller packets
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets += [near, far]
                self.connections += 1
                Pipe(near, far, self._sent_at(self._round_trip)).start()
                Pipe(far, near, self._arrives_at).start()

    def _sent_at(self, handshake: float) -> Due:
        ready = time.monotonic() + handshake

        def due(now: float, count: int) -> float:
            return max(now, ready) + self._round_trip / 2

        return due

    def _arrives_at(self, now: float, count: int) -> float:
        with self._lock:
            self._free_at = max(self._free_at, now) + count / self._rate
            return self._free_at + self._round_trip / 2


class Links:
    """A way to `door` for each run, and what each tool made of it."""

    def __init__(self, door: Door, round_trip: float, rate: float) -> None:
        self._door, self._round_trip, self._rate = door, round_trip, rate
        self._used: Dict[str, List[Far]] = {}

    @contextlib.contextmanager
    def serving(self, tool: str) -> Iterator[Door]:
        """For one run of `tool`."""
        link = Far(self._door.host, self._round_trip, self._rate)
        with link.running() as host:
            yield Door(host, tally=self._door.tally)
        self._used.setdefault(tool, []).append(link)

    def said(self, tool: str) -> str:
        """The connections of the tool's runs: the median."""
        return f": {statistics.median_low(link.connections for link in self._used[tool])} connections"
