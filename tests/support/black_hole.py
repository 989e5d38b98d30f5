"""A black hole: an address on loopback that answers no connection, because its queue is full."""

from __future__ import annotations

import contextlib
import socket
from typing import Iterator, List


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """Its `host:port`. The kernel drops what would connect: neither an answer nor a refusal."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting: List[socket.socket] = []
        while not waiting or _connects(waiting[-1], listener.getsockname()):
            waiting.append(stack.enter_context(socket.socket()))
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _connects(sock: socket.socket, address: object) -> bool:
    sock.settimeout(0.2)
    try:
        sock.connect(address)  # type: ignore[arg-type]
    except socket.timeout:
        return False
    return True
