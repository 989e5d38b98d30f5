"""Sockets: how a server listens, and sends what stands in a file."""

from __future__ import annotations

import socket
from typing import BinaryIO

from .kind import WINDOWS

REUSES_ADDRESS = not WINDOWS
"""As a server's `allow_reuse_address`: on Windows it would let another program take the port."""
_STEP = 1 << 20
"""Bytes read at once, where the kernel does not send them itself."""


def send_file(out: socket.socket, file: BinaryIO, offset: int, count: int) -> int:
    """How many of `count` bytes from `offset` on there were; by the kernel where it can. Raises OSError."""
    return by_reading(out, file, offset, count) if WINDOWS else out.sendfile(file, offset, count)


def by_reading(out: socket.socket, file: BinaryIO, offset: int, count: int) -> int:
    """A megabyte at a time: the standard library's own way without `os.sendfile` takes 8 KiB."""
    file.seek(offset)
    sent = 0
    while sent < count:
        data = file.read(min(_STEP, count - sent))
        if not data:
            break
        out.sendall(data)
        sent += len(data)
    return sent
