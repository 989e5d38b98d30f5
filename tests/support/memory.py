"""A source and a destination in memory, for tests of the engine alone: they behave as their protocols say."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Tuple

from dockferry.errors import BodyError, ConnectError, DiskError
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.transfer.protocols import Hold, unheld


@dataclass
class Script:
    """What one reply does: `start`: where it really begins; `cut`: after how many bytes, and whether it is told.

    `is_dumb`: no answer begins.
    """

    start: Optional[int] = None
    cut: Optional[int] = None
    stall: bool = False
    flip: Optional[int] = None
    error: Optional[Exception] = None
    is_dumb: bool = False


@dataclass
class MemorySource:
    """Gives `blobs`; `script(number, blob, start, end)` says how the number-th request goes."""

    blobs: Dict[Digest, bytes]
    script: Callable[[int, Descriptor, int, int], Script] = lambda number, blob, start, end: Script()
    name: str = "memory.example"
    step: int = 64 * 1024
    requests: List[Tuple[Descriptor, int, int]] = field(default_factory=list)
    given: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    aborted: threading.Event = field(default_factory=threading.Event)

    def open(self, blob: Descriptor, start: int, end: int, hold: Hold = unheld) -> MemoryDelivery:
        wait = MemoryWait()
        hold(wait)
        with self.lock:
            number = len(self.requests)
            self.requests.append((blob, start, end))
        script = self.script(number, blob, start, end)
        if script.is_dumb and wait.ended.wait(60):
            raise ConnectError("given up")
        if script.error is not None:
            raise script.error
        return MemoryDelivery(self, self.blobs[blob.digest], script, start, end)

    def abort(self) -> None:
        self.aborted.set()


class MemoryWait:
    """The wait for an answer."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def abort(self) -> None:
        self.ended.set()


class MemoryDelivery:
    """One reply."""

    def __init__(self, source: MemorySource, data: bytes, script: Script, start: int, end: int) -> None:
        self._source, self._data, self._script = source, data, script
        self.start = start if script.start is None else script.start
        self.end: Optional[int] = len(data) if script.start is not None else end
        self._pos = self.start
        self._wake = threading.Event()

    def readinto(self, view: memoryview) -> int:
        script = self._script
        stop = self.end or 0
        if script.cut is not None:
            stop = min(stop, self.start + script.cut)
        count = min(len(view), self._source.step, stop - self._pos)
        if count <= 0:
            if script.stall and self._pos < (self.end or 0):
                self._wake.wait(60)
                raise BodyError("silence")
            if self._pos < (self.end or 0):
                raise BodyError("ended early")
            return 0
        chunk = bytearray(self._data[self._pos : self._pos + count])
        if script.flip is not None and self._pos <= script.flip < self._pos + count:
            chunk[script.flip - self._pos] ^= 1
        view[:count] = chunk
        self._pos += count
        with self._source.lock:
            self._source.given += count
        return count

    def maybe_readinto(self, view: memoryview, seconds: float) -> Optional[int]:
        script = self._script
        is_silent = script.stall and script.cut is not None and self._pos >= self.start + script.cut
        if is_silent and not self._wake.wait(seconds):
            return None
        return self.readinto(view)

    def abort(self) -> None:
        self._wake.set()

    def close(self) -> None:
        pass


class MemoryDestination:
    """Keeps what is written; counts bytes; fails after `room` bytes."""

    def __init__(self, blobs: List[Descriptor], room: Optional[int] = None) -> None:
        self.data = {blob.digest: bytearray(blob.size) for blob in blobs}
        self.written = 0
        self.syncs = 0
        self.synced = threading.Event()
        self.room = room
        self._lock = threading.Lock()

    def write(self, blob: Descriptor, offset: int, data: memoryview) -> None:
        with self._lock:
            self.written += len(data)
            if self.room is not None and self.written > self.room:
                raise DiskError("cannot write memory: No space left on device")
        assert offset + len(data) <= blob.size
        self.data[blob.digest][offset : offset + len(data)] = data

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        part = self.data[blob.digest][offset : offset + len(view)]
        view[: len(part)] = part
        return len(part)

    def sync(self) -> None:
        self.syncs += 1
        self.synced.set()
