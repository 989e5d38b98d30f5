"""Far: a proxy that makes a host on this machine as far away as a round trip of so many seconds.

Strategy: what comes waits for half a round trip before it goes on, in either direction; a connection's first bytes
wait for a whole one more, as for a handshake. All bytes to the client share one line, which takes what it can carry
in a round trip and then no more: what is sent faster waits at the sender.
"""

from __future__ import annotations

import collections
import contextlib
import math
import socket
import statistics
import threading
import time
from typing import Callable, Deque, Dict, Iterator, List, Tuple

from door import Door, Tally

_RECEIVE = 64 * 1024
_WAITING = 16 * 1024 * 1024
"""Bytes of a connection that may be on the way, or wait for a client that does not take them."""


class Line:
    """One direction: what enters arrives after `delay` seconds; all that enters shares `rate` bytes a second."""

    def __init__(self, delay: float, rate: float, most: float) -> None:
        """`most`: seconds that something may have to wait for its turn: who sends then waits first."""
        self._delay, self._rate, self._most = delay, rate, most
        self._free_at = 0.0
        self._lock = threading.Lock()

    def enter(self, count: int) -> float:
        """When so many bytes arrive; comes back when they are on their way."""
        while True:
            with self._lock:
                now = time.monotonic()
                ahead = self._free_at - now
                if ahead <= self._most:
                    self._free_at = max(self._free_at, now) + count / self._rate
                    return self._free_at + self._delay
            time.sleep(ahead - self._most)


class Pipe:
    """One direction of one connection: what comes from `source` goes to `target` over `line`, in order.

    Nothing goes on before `ready`. `sent` is told how many bytes did.
    """

    def __init__(
        self, source: socket.socket, target: socket.socket, line: Line, ready: float, sent: Callable[[int], None]
    ) -> None:
        self._source, self._target, self._line = source, target, line
        self._ready, self._sent = ready, sent
        self._waiting: Deque[Tuple[float, bytes]] = collections.deque()
        self._held = 0
        self._is_over = False
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
            with self._changed:
                while self._held > _WAITING and not self._is_over:
                    self._changed.wait()
            due = max(self._ready, self._line.enter(len(data)))
            with self._changed:
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
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    break
                self._target.sendall(data)
                self._sent(len(data))
                with self._changed:
                    self._held -= len(data)
                    self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        for one in (self._source, self._target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Far:
    """The way to one host. `connections` counts those that were made, `sent` the bytes that reached the client."""

    def __init__(self, host: str, round_trip: float, rate: float) -> None:
        name, _, port = host.rpartition(":")
        self._target = name, int(port)
        self._round_trip = round_trip
        self._up = Line(round_trip / 2, math.inf, math.inf)
        self._down = Line(round_trip / 2, rate, round_trip)
        self._lock = threading.Lock()
        self._sockets: List[socket.socket] = []
        self.connections = self.sent = 0

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
                shaken = time.monotonic() + 1.5 * self._round_trip
                Pipe(near, far, self._up, shaken, lambda count: None).start()
                Pipe(far, near, self._down, 0.0, self._count).start()

    def _count(self, sent: int) -> None:
        with self._lock:
            self.sent += sent


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
            yield Door(host, tally=lambda: Tally(self._requests(), link.sent))
        self._used.setdefault(tool, []).append(link)

    def _requests(self) -> int:
        return self._door.tally().requests if self._door.tally else 0

    def said(self, tool: str) -> str:
        """The connections of the tool's runs: the median."""
        return f": {statistics.median_low(link.connections for link in self._used[tool])} connections"
