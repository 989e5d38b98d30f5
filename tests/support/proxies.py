"""Small proxies on loopback, HTTP(S) with CONNECT and SOCKS5: to them every name is this machine's."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import ssl
import struct
import threading
from typing import Any, List, Optional, Tuple
from urllib.parse import urlsplit

from .rude import read_request


class _Proxy:
    """Keeps in `asked` each `host:port` that it was asked for. Use it in a `with`."""

    def __init__(self, login: Optional[str] = None) -> None:
        self.asked: List[str] = []
        self.seen: List[str] = []
        self.login = login

    def __enter__(self) -> Any:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: List[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(10)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(30)
            self._sockets.append(sock)
            thread = threading.Thread(target=self._serve_quietly, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve_quietly(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), contextlib.closing(sock):
            self._serve(sock)

    def _serve(self, sock: socket.socket) -> None:
        raise NotImplementedError

    def _reach(self, host: str, port: int) -> socket.socket:
        self.asked.append(f"{host}:{port}")
        upstream = socket.create_connection(("127.0.0.1", port), 10)
        self._sockets.append(upstream)
        return upstream


class HttpProxy(_Proxy):
    """`login` is `user:password`, wanted with 407 where it is given. A connection ends after `most` bytes.

    With `tls` it is spoken to over TLS.
    """

    def __init__(
        self, login: Optional[str] = None, most: float = float("inf"), tls: Optional[ssl.SSLContext] = None
    ) -> None:
        super().__init__(login)
        self.most = most
        self.tls = tls

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    def _serve(self, sock: socket.socket) -> None:
        if self.tls is not None:
            sock = self.tls.wrap_socket(sock, server_side=True)
            self._sockets.append(sock)
        with contextlib.closing(sock), sock.makefile("rb") as reader:
            request = read_request(reader, 0)
            if request is None:
                return
            self.seen.append(repr(request.fields))
            wanted = self.login and "Basic " + base64.b64encode(self.login.encode()).decode()
            if wanted and request.header("proxy-authorization") != wanted:
                sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            host, port, first = self._target(request)
            upstream = self._reach(host, port)
            if request.method == "CONNECT":
                sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            upstream.sendall(first)
            pump(sock, upstream, self.most)

    def _target(self, request: Any) -> Tuple[str, int, bytes]:
        if request.method == "CONNECT":
            host, _, port = request.target.rpartition(":")
            return host, int(port), b""
        parts = urlsplit(request.target)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        others = [(name, value) for name, value in request.fields if name.lower() != "proxy-authorization"]
        lines = [f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in others)]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        return parts.hostname or "", parts.port or 80, head


class SocksProxy(_Proxy):
    """SOCKS5 without login (RFC 1928), CONNECT only."""

    def _serve(self, sock: socket.socket) -> None:
        with sock.makefile("rb") as reader:
            _, count = reader.read(2)
            reader.read(count)
            sock.sendall(b"\x05\x00")
            kind = reader.read(4)[3]
            size = {1: 4, 4: 16}.get(kind) or reader.read(1)[0]
            raw = reader.read(size)
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = raw.decode() if kind == 3 else socket.inet_ntop(family, raw)
            (port,) = struct.unpack("!H", reader.read(2))
            upstream = self._reach(host, port)
            sock.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            pump(sock, upstream)


def pump(one: socket.socket, other: socket.socket, most: float = float("inf")) -> None:
    """Bytes both ways, until either end closes or there were `most`."""
    peers = {one: other, other: one}
    while most > 0:
        ready, _, _ = select.select(list(peers), [], [], 30)
        for sock in ready:
            data = sock.recv(65536)
            if not data:
                return
            while isinstance(sock, ssl.SSLSocket) and sock.pending():  # deciphered already: no select tells of it
                data += sock.recv(65536)
            peers[sock].sendall(data)
            most -= len(data)
