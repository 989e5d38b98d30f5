"""Flat blobs: of any size and without memory; a source and a destination of them, for transfers of the engine."""

from __future__ import annotations

import hashlib
import threading
from typing import Callable, Optional

from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.transfer.protocols import Hold, unheld

BLOCK = bytes(range(256)) * 256
"""What every blob repeats, 64 KiB."""
STEP = 16 * 1024
"""Bytes of one receive, as TLS has them."""


def flat_blob(size: int) -> Descriptor:
    """A layer of `size` bytes, whole BLOCKs."""
    hasher = hashlib.sha256()
    for _ in range(size // len(BLOCK)):
        hasher.update(BLOCK)
    return Descriptor("application/vnd.oci.image.layer.v1.tar", Digest("sha256", hasher.hexdigest()), size)


class FlatSource:
    """Gives flat blobs in receives of STEP bytes; `looks(given)` is called after each receive, by its thread."""

    name = "flat.example"

    def __init__(self, looks: Callable[[int], None] = lambda given: None) -> None:
        self.given = 0
        self.looks = looks
        self.lock = threading.Lock()

    def open(self, blob: Descriptor, start: int, end: int, hold: Hold = unheld) -> FlatDelivery:
        return FlatDelivery(self, start, end)

    def abort(self) -> None:
        pass


class FlatDelivery:
    """One reply."""

    def __init__(self, source: FlatSource, start: int, end: int) -> None:
        self.start = self._pos = start
        self.end: Optional[int] = end
        self._stop = end
        self._source = source

    def readinto(self, view: memoryview) -> int:
        place = self._pos % len(BLOCK)
        count = min(len(view), STEP, self._stop - self._pos, len(BLOCK) - place)
        view[:count] = memoryview(BLOCK)[place : place + count]
        self._pos += count
        with self._source.lock:
            self._source.given += count
            self._source.looks(self._source.given)
        return count

    def maybe_readinto(self, view: memoryview, seconds: float) -> Optional[int]:
        return self.readinto(view)

    def abort(self) -> None:
        self._stop = self._pos

    def close(self) -> None:
        pass


class FlatDestination:
    """Forgets what is written, and reads back what a flat blob has there."""

    def write(self, blob: Descriptor, offset: int, data: memoryview) -> None:
        pass

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        place = offset % len(BLOCK)
        count = min(len(view), blob.size - offset, len(BLOCK) - place)
        view[:count] = memoryview(BLOCK)[place : place + count]
        return count

    def sync(self) -> None:
        pass
