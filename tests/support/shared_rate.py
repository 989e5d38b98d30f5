"""A registry whose connections share one rate, as a host behind one line does; faults for one source of several."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Iterator, Optional

from dockferry.serve import Blob, ImageStore, Running, memory_blob, serve
from dockferry.serve.store import Send

from .images import MadeImage

_STEP = 16 * 1024
_BUFFER = 0.2
"""Seconds that a line may make up for, so that a busy machine does not count as a slow line."""


class Line:
    """`rate` bytes a second for all who send over it together; `sent` counts them.

    It may make up for `buffer` seconds.
    """

    def __init__(self, rate: float, buffer: float = _BUFFER) -> None:
        self._rate = rate
        self._buffer = buffer
        self._due = time.monotonic()
        self._lock = threading.Lock()
        self._stalled_after: Optional[int] = None
        self.ending = threading.Event()
        self.sent = 0

    def stall_after(self, sent: int) -> None:
        """Nothing more comes once so many bytes were sent."""
        self._stalled_after = sent

    def take(self, count: int) -> None:
        """Wait until `count` bytes may be sent."""
        with self._lock:
            is_stalled = self._stalled_after is not None and self.sent + count > self._stalled_after
            if not is_stalled:
                self.sent += count
                self._due = max(self._due, time.monotonic() - self._buffer) + count / self._rate
            due = self._due
        if is_stalled:
            self.ending.wait()
        else:
            self.ending.wait(max(0.0, due - time.monotonic()))


def over(line: Line, blob: Blob, step: int) -> Blob:
    """`blob`, sent over `line`, `step` bytes at a time."""

    @contextlib.contextmanager
    def opened() -> Iterator[Send]:
        with blob.open() as send:

            def paced(connection: socket.socket, start: int, end: int) -> None:
                for place in range(start, end, step):
                    stop = min(end, place + step)
                    line.take(stop - place)
                    send(connection, place, stop)

            yield paced

    return Blob(blob.size, opened)


class Liar:
    """Gives the first `replies` replies about a layer with their middle bit wrong; `lied` counts them."""

    def __init__(self, replies: int) -> None:
        self._left = replies
        self._lock = threading.Lock()
        self.lied = 0

    def maybe_place(self, start: int, end: int) -> Optional[int]:
        """Which byte of this reply is to be wrong."""
        with self._lock:
            if self._left == 0:
                return None
            self._left -= 1
            self.lied += 1
            return (start + end) // 2


def _over(line: Line, data: bytes, liar: Liar) -> Blob:
    """A blob that is sent over `line`, as `liar` has it."""
    view = memoryview(data)

    @contextlib.contextmanager
    def opened() -> Iterator[Send]:
        def paced(connection: socket.socket, start: int, end: int) -> None:
            wrong = liar.maybe_place(start, end)
            for place in range(start, end, _STEP):
                chunk = bytearray(view[place : min(end, place + _STEP)])
                if wrong is not None and place <= wrong < place + len(chunk):
                    chunk[wrong - place] ^= 1
                line.take(len(chunk))
                connection.sendall(chunk)

        yield paced

    return Blob(len(data), opened)


@contextlib.contextmanager
def shared(image: MadeImage, line: Line, liar: Optional[Liar] = None) -> Iterator[Running]:
    """`image` as `demo/app:1.0`, its layers over `line`."""
    store = ImageStore()
    store.add_manifest("demo/app", image.manifest, image.media_type, "1.0")
    layers = {layer.digest for layer in image.layers}
    for digest, data in image.blobs.items():
        is_layer = digest in layers
        store.add_blob("demo/app", digest, _over(line, data, liar or Liar(0)) if is_layer else memory_blob(data))
    with serve(store) as running:
        try:
            yield running
        finally:
            line.ending.set()
