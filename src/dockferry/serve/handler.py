"""Handler: speaks HTTP/1.1 on one connection, request after request, and sends replies on it.

Nothing of a request but its line and its headers is ever used: a request that brings a body is answered and its
connection closed, so that a body can never be taken for the next request.
"""

from __future__ import annotations

import io
import socket
import time
from contextlib import ExitStack, suppress
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Optional

from ..errors import DockferryError
from .guard import Place, check
from .replies import Conditions, Reply, answer, refuse
from .routes import Refusal, parse_target
from .service import Served, Service
from .throttle import Throttle

MAX_HEAD = 16 << 10
"""Bytes a request's line and headers may have together."""
_MAX_DISCARD = 64 << 10
_IDLE_SECONDS = 120
_LINGER_SECONDS = 1.0
_WITHOUT_HOST = ("HTTP/0.9", "HTTP/1.0")


class Handler(BaseHTTPRequestHandler):
    """One for each connection, in its own thread."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_SECONDS
    server: HTTPServer

    def __init__(self, service: Service, *connection: Any) -> None:
        self._service = service
        super().__init__(*connection)  # which serves the connection to its end

    def setup(self) -> None:
        super().setup()
        self._head = _Head(self.rfile.detach())
        self.rfile = self._head
        self._throttle = Throttle(self._service.rate, time.monotonic, self._service.ending.wait)

    def handle_one_request(self) -> None:
        self._head.left = MAX_HEAD
        try:
            super().handle_one_request()
        except LineTooLong:
            self.command = self.requestline = ""
            self.send_error(414)

    def do_GET(self) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self._discard_body()
        with ExitStack() as stack:
            try:
                reply = self._answer()
                send = stack.enter_context(reply.body.open())
            except Refusal as refusal:
                reply = refuse(refusal)
                send = stack.enter_context(reply.body.open())
            except (OSError, DockferryError):
                reply = refuse(Refusal(500, "UNKNOWN", "the registry could not read its own store"))
                send = stack.enter_context(reply.body.open())
            self._send(reply, send)

    do_HEAD = do_GET

    def _answer(self) -> Reply:
        self._check()
        route = parse_target(self.requestline.split()[1])
        is_get = self.command == "GET"
        conditions = Conditions(self.headers.get("Range"), self.headers.get("If-Range")) if is_get else Conditions()
        return answer(self._service.store, route, conditions)

    def _check(self) -> None:
        """Whether it is for us: by the address that we listen on, not by the one that was dialled."""
        place = Place(self.server.server_name, self.server.server_port)
        hosts, origins = self.headers.get_all("Host") or [], self.headers.get_all("Origin") or []
        check(place, hosts, origins, is_host_optional=self.request_version in _WITHOUT_HOST)

    def _send(self, reply: Reply, send: Any) -> None:
        sent = 0
        self.request_version = self.protocol_version  # else HTTP/0.9 would get a body without a status
        try:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(reply.end - reply.start))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "HEAD":
                return
            for start, end in self._throttle.steps(reply.start, reply.end):
                send(self.connection, start, end)
                sent += end - start
                self._service.count(end - start)
                if self._service.ending.is_set():
                    raise ConnectionAbortedError("the server ends")
        finally:
            self._tell(reply.status, sent)

    def _tell(self, status: int, sent: int) -> None:
        words = self.requestline.split()
        target = words[1] if len(words) > 1 else ""
        headers = getattr(self, "headers", None)
        asked = headers.get("Range") if headers else None
        self._service.on_request(Served(self.command or "", target, asked, status, sent, self.client_address[1]))

    def _discard_body(self) -> None:
        """A small body is read before the answer: to close on unread bytes would take the answer back."""
        self.close_connection = True
        length = self.headers.get("Content-Length", "")
        if length.isdigit() and len(length) < 8 and "Expect" not in self.headers:
            self.rfile.read(min(int(length), _MAX_DISCARD))

    def handle_expect_100(self) -> bool:
        """No body is wanted: the answer is final at once."""
        return True

    def send_error(self, code: int, message: Optional[str] = None, explain: Optional[str] = None) -> None:
        """What the standard library refuses: methods (405) and requests that it cannot parse."""
        self.close_connection = True
        if code == 501:
            self._discard_body()
            refusal = Refusal(405, "UNSUPPORTED", "this registry is read-only")
        else:
            refusal = Refusal(code, "UNSUPPORTED", "wanted a well-formed HTTP/1.1 request of moderate size")
        reply = refuse(refusal)
        with reply.body.open() as send:
            self._send(reply, send)
        self._linger()

    def _linger(self) -> None:
        """Take in what is still coming, for a while: to close on unread bytes would take the answer back."""
        deadline = time.monotonic() + _LINGER_SECONDS
        left = _MAX_DISCARD
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LINGER_SECONDS)
            while left > 0 and time.monotonic() < deadline:
                count = len(self.connection.recv(left))
                left = left - count if count else 0

    def version_string(self) -> str:
        return "dockferry"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `on_request` tells what was served."""


class _Head(io.BufferedReader):
    """A reader whose lines may have `left` bytes together: what a request's head is read from."""

    left = 0

    def readline(self, size: Optional[int] = -1) -> bytes:
        line = super().readline(self.left + 1)
        self.left -= len(line)
        if self.left < 0:
            raise LineTooLong("head")
        return line
