"""Sources whose replies are drawn: how each request goes is settled before the transfer begins, by its number."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Dict, Optional, Sequence

from dockferry.errors import AuthError, BodyError, BusyError, ConnectError, NotFoundError, ReplyError, RequestError
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.transfer.protocols import Hold, unheld

HARMLESS = ("honest", "cut", "silent", "short", "late", "open end", "busy", "throttled", "refused", "dead", "shifted")
"""What costs time, but no byte twice."""
WHOLE = ("whole", "whole, cut")
"""A range is ignored: all of the blob comes, from 0."""
LIES = ("wrong bit", "wrong place")
DENIALS = ("missing", "forbidden", "not so")
KINDS = (*HARMLESS, *WHOLE, *LIES, *DENIALS)

_STEP = 16 * 1024
LEAST = 20 * 1024
"""Bytes of a reply that has any: in smaller steps a blob has no end."""
_SILENCE = 0.05
"""Seconds: what the idle timeout is to these sources."""


@dataclass(frozen=True)
class Turn:
    """How one request goes; `share`, from 0 to 1, says where in the body, or how long."""

    kind: str
    share: float = 0.5


class DrawnSource:
    """A source (`transfer.protocols.Source`) whose n-th request goes as `turns[n % len(turns)]` says.

    `given` counts the bytes that it gave.
    """

    def __init__(self, blobs: Dict[Digest, bytes], turns: Sequence[Turn], name: str) -> None:
        self.name = name
        self.given = 0
        self._blobs, self._turns = blobs, turns
        self._lock = threading.Lock()
        self._asked = 0
        self._dead_until = 0
        self._ending = threading.Event()

    def open(self, blob: Descriptor, start: int, end: int, hold: Hold = unheld) -> DrawnDelivery:
        with self._lock:
            number, self._asked = self._asked, self._asked + 1
            turn = self._turns[number % len(self._turns)]
            if turn.kind == "dead":
                self._dead_until = max(self._dead_until, number + 1 + int(3 * turn.share))
            is_dead = number < self._dead_until
        if is_dead or self._ending.is_set():
            raise ConnectError(f"{self.name}: connection refused")
        if turn.kind == "late" and self._ending.wait(0.05 * turn.share):
            raise ConnectError(f"{self.name}: stopped")
        self._maybe_refuse(turn, blob)
        return DrawnDelivery(self, turn, self._blobs[blob.digest], start, end)

    def _maybe_refuse(self, turn: Turn, blob: Descriptor) -> None:
        wait = None if turn.share < 0.5 else 0.05 * turn.share
        what = f"{self.name}: wanted {blob.digest}, got {turn.kind}"
        if turn.kind == "busy":
            raise BusyError(what, retry_after=wait)
        if turn.kind == "throttled":
            raise BusyError(what, retry_after=wait, asks_for_less=True)
        if turn.kind == "refused":
            raise ConnectError(what, asks_for_less=True)
        if turn.kind == "shifted":
            raise ReplyError(what)
        if turn.kind == "missing":
            raise NotFoundError(what)
        if turn.kind == "forbidden":
            raise AuthError(what)
        if turn.kind == "not so":
            raise RequestError(what)

    def gave(self, count: int) -> None:
        with self._lock:
            self.given += count

    def abort(self) -> None:
        self._ending.set()


class DrawnDelivery:
    """One reply. A silence ends with an error after a moment, or at once when it is aborted."""

    def __init__(self, source: DrawnSource, turn: Turn, data: bytes, start: int, end: int) -> None:
        self._source, self._turn = source, turn
        self.start, last = (0, len(data)) if turn.kind in WHOLE else (start, end)
        length = last - self.start
        some = min(length, max(LEAST, int(length * turn.share))) if turn.share or turn.kind == "short" else 0
        if turn.kind == "short":
            last = self.start + some
        self.end: Optional[int] = None if turn.kind == "open end" else last
        self._last = last
        self._stop = self.start + some if turn.kind in ("cut", "silent", "whole, cut") else last
        self._data = _spoilt(turn, data, self.start, length)
        self._pos = self.start
        self._aborted = threading.Event()

    def readinto(self, view: memoryview) -> int:
        count = min(len(view), _STEP, self._stop - self._pos)
        if count <= 0 and self._stop < self._last:
            if self._turn.kind == "silent":
                self._aborted.wait(_SILENCE)
            raise BodyError(f"{self._source.name}: {self._turn.kind} after {self._pos - self.start} bytes")
        view[: max(0, count)] = self._data[self._pos : self._pos + count]
        self._pos += max(0, count)
        self._source.gave(max(0, count))
        return max(0, count)

    def maybe_readinto(self, view: memoryview, seconds: float) -> Optional[int]:
        is_silent = self._turn.kind == "silent" and self._pos >= self._stop < self._last
        if is_silent and seconds < _SILENCE and not self._aborted.wait(seconds):
            return None
        return self.readinto(view)

    def abort(self) -> None:
        self._aborted.set()

    def close(self) -> None:
        pass


def _spoilt(turn: Turn, data: bytes, start: int, length: int) -> bytes:
    if turn.kind == "wrong bit" and length:
        changed = bytearray(data)
        changed[start + min(length - 1, int(length * turn.share))] ^= 1
        return bytes(changed)
    if turn.kind == "wrong place":
        return data[1:] + data[:1]
    return data
