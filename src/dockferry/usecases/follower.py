"""Follower: how far each blob is hashed, as the engine tells it, for those who read behind.

Strategy: what is hashed and not yet proved may still turn out wrong, and be written anew. So who read it has to look
again at the end; when a blob goes back meanwhile, what was read of it is worth nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, ContextManager, Deque, Dict, NamedTuple, Optional, Protocol, Sequence, Set, TypeVar

from ..events import BlobDone, Event, Progress
from ..oci.descriptor import Descriptor

T = TypeVar("T")
Pause = Callable[[], ContextManager[object]]


class Stopped(Exception):
    """Nothing more is to be waited for."""


class SetBack(Exception):
    """What was read of a blob may be wrong."""


class Store(Protocol):
    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        """From `offset` of `blob`: how many bytes came. Raises DiskError."""


class Seen(NamedTuple):
    """Of one blob: `hashed` bytes; how often it has gone back; whether all of it is proved."""

    hashed: int
    setbacks: int
    is_proved: bool


class Follower:
    """Of `blobs`; `is_proved`: all of them, from the start. Its methods may be called by many threads.

    `begun` are digests of blobs that can be read, each put there when it is begun, and when it is proved, for one who
    takes them out.
    """

    def __init__(self, blobs: Sequence[Descriptor], *, is_proved: bool = False) -> None:
        self.changed = threading.Condition()
        names = [str(blob.digest) for blob in blobs]
        self.begun: Deque[str] = deque(names if is_proved else ())
        self._hashed: Dict[str, int] = {name: blob.size if is_proved else 0 for name, blob in zip(names, blobs)}
        self._setbacks: Dict[str, int] = dict.fromkeys(names, 0)
        self._proved: Set[str] = set(names if is_proved else ())
        self._is_begun: Set[str] = set(self._proved)
        self._is_over = False

    def tell(self, event: Event) -> None:
        """What the engine tells: `Progress` and `BlobDone` count."""
        if not isinstance(event, (Progress, BlobDone)):
            return
        with self.changed:
            if isinstance(event, BlobDone):
                self._came_to(event.digest, event.size)
                if event.digest not in self._proved:
                    self._proved.add(event.digest)
                    self.begun.append(event.digest)
            else:
                for blob in event.active:
                    self._came_to(blob.digest, blob.hashed)
                    if self._hashed[blob.digest] and blob.digest not in self._is_begun:
                        self._is_begun.add(blob.digest)
                        self.begun.append(blob.digest)
            self.changed.notify_all()

    def _came_to(self, digest: str, hashed: int) -> None:
        if digest in self._proved:
            return
        if hashed < self._hashed[digest]:
            self._setbacks[digest] += 1
        self._hashed[digest] = hashed

    def seen(self, digest: str) -> Seen:
        """With or without the lock of `changed`."""
        return Seen(self._hashed[digest], self._setbacks[digest], digest in self._proved)

    def wait(self, ready: Callable[[], Optional[T]]) -> T:
        """What `ready` gives as soon as that is not None; it is called under the lock. Raises Stopped."""
        with self.changed:
            while not self._is_over:
                found = ready()
                if found is not None:
                    return found
                self.changed.wait()
        raise Stopped

    def stop(self) -> None:
        """Who waits, or would wait, gets Stopped."""
        with self.changed:
            self._is_over = True
            self.changed.notify_all()

    @property
    def is_over(self) -> bool:
        return self._is_over


class FollowedBlob:
    """The bytes of a blob in `store`, in order, each byte as soon as it is hashed. Used by one thread.

    `was_proved`: all of it, before anything was read. `pause` is held while more is waited for. `offset` is how far
    it was read.
    """

    def __init__(self, follower: Follower, store: Store, blob: Descriptor, pause: Pause) -> None:
        self._follower, self._store, self._blob, self._pause = follower, store, blob, pause
        self._name = str(blob.digest)
        seen = follower.seen(self._name)
        self.was_proved = seen.is_proved
        self._setbacks = seen.setbacks
        self._end = seen.hashed
        self.offset = 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end. Raises Stopped, SetBack, DiskError."""
        if self._follower.is_over:
            raise Stopped
        if self.offset >= self._end and self.offset < self._blob.size:
            self._end = self._more()
        buffer = bytearray(min(size, self._end - self.offset))
        count = self._store.readinto(self._blob, self.offset, memoryview(buffer)) if buffer else 0
        if buffer and not count:
            raise SetBack
        self.offset += count
        return bytes(buffer[:count])

    def _more(self) -> int:
        """Wait until more is hashed; up to where."""

        def ready() -> Optional[Seen]:
            seen = self._follower.seen(self._name)
            is_news = seen.hashed > self.offset or seen.setbacks != self._setbacks
            return seen if is_news else None

        with self._pause():
            seen = self._follower.wait(ready)
        if seen.setbacks != self._setbacks:
            raise SetBack
        return seen.hashed
