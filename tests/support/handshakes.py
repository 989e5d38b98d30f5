"""Handshakes: a TLS server's, of which some go wrong or slowly."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import Callable


@dataclass
class Handshakes:
    """Stands for a rude server's context: before the second to the fifth handshake `meddle` is called."""

    context: ssl.SSLContext
    meddle: Callable[[socket.socket], object]
    begun: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wrap_socket(self, sock: socket.socket, server_side: bool) -> ssl.SSLSocket:
        with self.lock:
            self.begun += 1
            number = self.begun
        if 2 <= number <= 5:
            self.meddle(sock)
        return self.context.wrap_socket(sock, server_side=server_side)


def reset(sock: socket.socket) -> None:
    sock.recv(1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def reset_late(sock: socket.socket) -> None:
    time.sleep(1.5)
    reset(sock)


def hang(sock: socket.socket) -> None:
    """Say nothing, until the client goes."""
    while sock.recv(1000):
        pass


def speak_http(sock: socket.socket) -> None:
    """As a server without TLS: it takes the handshake for a bad request."""
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    sock.close()


class NoTLS:
    """Stands for a rude server's context, of a registry that has none."""

    def wrap_socket(self, sock: socket.socket, server_side: bool) -> socket.socket:
        speak_http(sock)
        return sock
