"""A raw-socket HTTP server whose every byte, pause and break is the test's own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

Fields = List[Tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """One request as it came, at `at` (monotonic seconds); `connection` numbers the connections from 0."""

    method: str
    target: str
    fields: Fields
    body: bytes
    connection: int
    at: float = 0.0

    def header(self, name: str) -> Optional[str]:
        return next((value for key, value in self.fields if key.lower() == name.lower()), None)

    @property
    def range(self) -> Optional[Tuple[int, int]]:
        """Start and end (exclusive) of a `bytes=a-b` Range."""
        value = self.header("range")
        if value is None:
            return None
        first, _, last = value[len("bytes=") :].partition("-")
        return int(first), int(last) + 1


class Wire:
    """The connection, for a handler to misuse."""

    def __init__(self, sock: Any, server: RudeServer) -> None:
        self.sock = sock
        self.is_open = True
        self._server = server

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self, status: int, fields: Iterable[Tuple[str, str]] = ()) -> None:
        """Status line and header fields as given, none added."""
        lines = [f"HTTP/1.1 {status} Some Reason", *(f"{name}: {value}" for name, value in fields)]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def reply(self, status: int, body: bytes = b"", fields: Iterable[Tuple[str, str]] = ()) -> None:
        """A well-behaved reply."""
        self.head(status, [*fields, ("Content-Length", str(len(body)))])
        self.send(body)

    def chunks(self, status: int, parts: Iterable[bytes], fields: Iterable[Tuple[str, str]] = ()) -> None:
        """A whole reply in chunks."""
        self.head(status, [*fields, ("Transfer-Encoding", "chunked")])
        for part in parts:
            self.send(b"%x\r\n%b\r\n" % (len(part), part))
        self.send(b"0\r\n\r\n")

    def drip(self, data: bytes, pause: float) -> None:
        """One byte at a time, until the server ends or the client has gone."""
        for place in range(len(data)):
            self.send(data[place : place + 1])
            if self.is_ending(pause):
                return

    def is_ending(self, pause: float) -> bool:
        """Wait so many seconds: whether the server ends meanwhile."""
        return self._server.ending.wait(pause)

    def stall(self) -> None:
        """Silence, until the client goes away or the server ends."""
        self.sock.settimeout(0.05)
        while not self._server.ending.is_set():
            try:
                if not self.sock.recv(1):
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        self.close()

    def reset(self) -> None:
        """Break the connection with a TCP RST."""
        plain = self.sock
        socket.socket.setsockopt(plain, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.is_open = False
        socket.socket.close(plain)

    def close(self) -> None:
        """A clean end of the connection."""
        self.is_open = False
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        self.sock.close()


Handler = Callable[[Request, Wire], None]


@dataclass
class RudeServer:
    """Calls `handler` for each request, many connections at once, and keeps every request in `requests`.

    `address` is where it listens; `priority` goes to its connections (SO_PRIORITY: the class in a queue of the
    kernel's). Use it in a `with`: it ends its threads and connections.
    """

    handler: Handler
    tls: Optional[ssl.SSLContext] = None
    address: Tuple[str, int] = ("127.0.0.1", 0)
    priority: int = 0
    requests: List[Request] = field(default_factory=list)
    ending: threading.Event = field(default_factory=threading.Event)
    connections: int = 0

    def __enter__(self) -> RudeServer:
        self._listener = socket.create_server(self.address)
        self._lock = threading.Lock()
        self._sockets: List[socket.socket] = []
        self._threads: List[threading.Thread] = []
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets, threads = list(self._sockets), list(self._threads)
        for sock in sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def host(self) -> str:
        return f"{self.address[0]}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def targets(self) -> List[str]:
        return [request.target for request in self.requests]

    def saw(self, text: str) -> bool:
        """Whether `text` stood anywhere in any request."""
        return any(
            text in request.target or text in repr(request.fields) or text.encode() in request.body
            for request in self.requests
        )

    def threads(self) -> List[threading.Thread]:
        """All that were ever started."""
        with self._lock:
            return list(self._threads)

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.ending.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self.priority:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, self.priority)
            with self._lock:
                self._sockets.append(sock)
                number = self.connections
                self.connections += 1
            self._start(self._serve, sock, number)

    def _serve(self, sock: socket.socket, number: int) -> None:
        sock.settimeout(30)
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
                stack.callback(sock.close)
                with self._lock:
                    self._sockets.append(sock)
            wire = Wire(sock, self)
            with sock.makefile("rb") as reader:
                while wire.is_open and not self.ending.is_set():
                    request = read_request(reader, number)
                    if request is None:
                        break
                    with self._lock:
                        self.requests.append(request)
                    self.handler(request, wire)
                    if request.header("connection") == "close":
                        break


def read_request(reader: Any, connection: int) -> Optional[Request]:
    """The next request on a connection, None at its end."""
    line = reader.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    fields: Fields = []
    for raw in iter(reader.readline, b"\r\n"):
        if not raw:
            return None
        name, _, value = raw.decode("latin-1").partition(":")
        fields.append((name, value.strip()))
    known: Dict[str, str] = {name.lower(): value for name, value in fields}
    body = reader.read(int(known.get("content-length", "0")))
    return Request(line[0], line[1], fields, body, connection, time.monotonic())
