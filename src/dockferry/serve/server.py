"""Server: accepts connections on one address, a thread for each, and ends them all when it is left."""

from __future__ import annotations

import functools
import logging
import socket
import socketserver
import sys
import threading
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from typing import Any, Dict, Iterator, Optional

from ..errors import UsageError
from ..system.sockets import REUSES_ADDRESS
from .handler import Handler
from .service import OnRequest, Served, Service
from .store import Store

MAX_CONNECTIONS = 256
_POLL_SECONDS = 0.05
_END_SECONDS = 10.0


def _quiet(served: Served) -> None:
    """The callback of those who want no log."""


class Running:
    """A server at work: `host` is `address:port`, as an image reference has it."""

    def __init__(self, server: _Server, service: Service) -> None:
        self._service = service
        address, self.port = server.server_address[:2]
        self.host = host_of(str(address), self.port)

    @property
    def sent(self) -> int:
        """Bytes of bodies that were sent so far, over all connections."""
        return self._service.sent


def host_of(address: str, port: int) -> str:
    """As an image reference has it: IPv6 in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@contextmanager
def serve(
    store: Store,
    *,
    address: str = "127.0.0.1",
    port: int = 0,
    rate: Optional[float] = None,
    on_request: OnRequest = _quiet,
) -> Iterator[Running]:
    """Give what `store` has, read-only, to whoever asks at `address`:`port` (0: a free one).

    `rate` holds each connection to so many bytes a second. `on_request` is told of every request when it ends, by
    the connection's thread. On leaving, all connections are closed and their threads ended. Raises UsageError
    where the address cannot be listened on.
    """
    service = Service(store, rate, on_request)
    try:
        server = _Server(service, address, port)
    except (OSError, OverflowError) as error:
        raise UsageError(
            "wanted to listen on {}:{}, got {}", address, port, error, remedy="choose another address or port"
        ) from None
    acceptor = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="serve", daemon=True)
    acceptor.start()
    try:
        yield Running(server, service)
    finally:
        server.shutdown()
        acceptor.join()
        service.ending.set()
        server.end()


class _Server(ThreadingHTTPServer):
    """A thread for each connection, and the list of them."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = REUSES_ADDRESS

    def __init__(self, service: Service, address: str, port: int) -> None:
        self._lock = threading.Lock()
        self._connections: Dict[threading.Thread, socket.socket] = {}
        if ":" in address:
            self.address_family = socket.AF_INET6
        super().__init__((address, port), functools.partial(Handler, service))

    def server_bind(self) -> None:
        """Without the look-up of the host's name, which can take seconds where there is no DNS."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection, unless there are too many."""
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                self.shutdown_request(request)
                return
            thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
            self._connections[thread] = request
            thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is nothing to tell; anything else is a fault of ours or of the disk."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, socket.timeout)):
            logging.getLogger(__name__).exception("a connection ended by an error")

    def end(self) -> None:
        """Close the listening socket and every connection, and wait for their threads."""
        self.server_close()
        with self._lock:
            open_now = dict(self._connections)
        for connection in open_now.values():
            with suppress(OSError):  # it was closing by itself
                connection.shutdown(socket.SHUT_RDWR)
        for thread in open_now:
            thread.join(_END_SECONDS)
