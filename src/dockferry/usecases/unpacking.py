"""Unpacking: the layers of an image from a store to their places, while the store is still being filled.

Strategy: a thread for each layer that can go on, 20 at most, and no more of them at work than there are processors:
who waits for bytes lets another go on. Layers whose blobs are proved go first, as they wait for nothing. A layer is
right when it has its diff_id. One that fails, in whatever way, although its blob was not proved when it was begun, is
unpacked once more, from the proved blob.
"""

from __future__ import annotations

import contextlib
import heapq
import threading
import time
from types import TracebackType
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple, Type

from ..archive.plain_form import PlainForm, Sink
from ..archive.plain_layers import PlainLayer
from ..archive.unpack import cap, has_zstd, unpacked
from ..choices import MAX_THREADS
from ..errors import ContentError, DiskError, DockferryError, UsageError
from ..events import Event, OnEvent, Unpacking
from ..system.processors import processors
from .follower import FollowedBlob, Follower, SetBack, Stopped, Store

_HEARTBEAT = 0.5
"""Seconds that the main thread waits at a time, so that it hears Ctrl-C."""
_LARGE_AT_ONCE = 4
"""How many layers that take 128 MiB to unpack are in the middle of it, so that they are not 20."""


def check_decompressors(layers: Sequence[PlainLayer], image: str) -> None:
    """Raises UsageError, before anything is fetched, where a layer's type needs a decompressor that is not here."""
    if any("zstd" in layer.blob.media_type for layer in layers) and not has_zstd():
        raise UsageError(
            "{}: wanted a decompressor for its layers, which are compressed with zstd, got none in this Python",
            image,
            remedy="pip install zstandard, or take a form that keeps layers as they are",
        )


class Unpackers:
    """The threads that bring layers from `store` to the open `form`; a context manager, which ends them.

    `what` names a layer's blob for an error, `remedy` says what helps where its bytes are not what they should be.
    """

    def __init__(
        self,
        form: PlainForm,
        store: Store,
        follower: Follower,
        what: Callable[[PlainLayer], str],
        remedy: str,
    ) -> None:
        self._form, self._store, self._follower = form, store, follower
        self._what, self._remedy = what, remedy
        self._names = [str(layer.blob.digest) for layer in form.layers]
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._ready: List[Tuple[bool, int]] = [(False, number) for number in sorted(form.kept)]
        """A heap of what can be begun: whether it may have to wait for bytes, and which; some twice."""
        self._begun: Set[int] = set()
        self._reading: Dict[int, FollowedBlob] = {}
        self._done: Set[int] = set()
        self._failure: Optional[BaseException] = None
        self._is_told = False
        self._tickets = threading.Semaphore(processors())
        self._windows = threading.Semaphore(_LARGE_AT_ONCE)
        count = min(len(form.layers), MAX_THREADS)
        self._threads = [threading.Thread(target=self._work, name="unpack", daemon=True) for _ in range(count)]

    def __enter__(self) -> Unpackers:
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # no more threads are to be had
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """No thread touches store or form any more."""
        self._follower.stop()
        for thread in self._threads:
            while thread.is_alive():
                thread.join(_HEARTBEAT)

    def follow(self, on_event: OnEvent) -> OnEvent:
        """In the place of `on_event`: tells it, and the threads, and raises, once, what went wrong in them."""

        def tell(event: Event) -> None:
            self._follower.tell(event)
            on_event(event)
            if self._failure is not None and not self._is_told:
                self._is_told = True
                raise self._failure

        return tell

    def finish(self, on_event: OnEvent, tick: float) -> None:
        """Come back when all layers are in their places; what is left is told. Raises what went wrong."""
        next_look = time.monotonic()
        while True:
            with self._follower.changed:
                if self._failure is None and len(self._done) < len(self._form.layers):
                    self._follower.changed.wait(min(tick, _HEARTBEAT))
                event = self._look() if time.monotonic() >= next_look else None
                is_done = len(self._done) == len(self._form.layers)
            if self._failure is not None:
                raise self._failure
            if is_done:
                return
            if event is not None:
                next_look = time.monotonic() + tick
                on_event(event)

    def _look(self) -> Unpacking:
        layers = self._form.layers
        done = sum(layers[number].blob.size for number in self._done)
        done += sum(stream.offset for stream in list(self._reading.values()))
        size = sum(layer.blob.size for layer in layers)
        return Unpacking(layers_done=len(self._done), layers=len(layers), done=min(done, size), size=size)

    # A thread

    def _work(self) -> None:
        try:
            while True:
                number = self._follower.wait(self._maybe_next)
                with self._tickets:
                    self._bring(number)
                with self._follower.changed:
                    self._reading.pop(number, None)
                    self._done.add(number)
                    self._follower.changed.notify_all()
        except Stopped:
            pass
        except BaseException as error:  # whatever it is, the main thread raises it
            with self._follower.changed:
                self._failure = self._failure or error
                self._follower.changed.notify_all()
            self._follower.stop()

    def _maybe_next(self) -> Optional[int]:
        """The lowest layer that can be begun, of those that wait for nothing, if any. Raises Stopped when all are."""
        while self._follower.begun:
            name = self._follower.begun.popleft()
            if name in self._numbers:
                heapq.heappush(self._ready, (not self._follower.seen(name).is_proved, self._numbers[name]))
        while self._ready:
            _, number = heapq.heappop(self._ready)
            if number not in self._begun:
                self._begun.add(number)
                return number
        if len(self._begun) == len(self._names):
            raise Stopped
        return None

    def _bring(self, number: int) -> None:
        if number in self._form.kept and self._is_kept_right(number):
            return
        if not self._try(number):
            with self._pause():
                self._follower.wait(lambda: self._follower.seen(self._names[number]).is_proved or None)
            self._try(number)

    def _try(self, number: int) -> bool:
        """Whether it is in its place; not so where bytes failed that were not proved: they may be to blame."""
        stream = self._stream(number)
        with _put(self._form.sink(number)) as sink:
            try:
                self._unpack(number, stream, sink)
            except (DockferryError, SetBack) as error:
                if not stream.was_proved:
                    return False
                if isinstance(error, SetBack):
                    raise DiskError.changed(self._what(self._form.layers[number])) from None
                raise
            sink.finish()  # it is right, so that whatever fails now is not for its bytes
        return True

    def _stream(self, number: int) -> FollowedBlob:
        stream = FollowedBlob(self._follower, self._store, self._form.layers[number].blob, self._pause)
        self._reading[number] = stream
        return stream

    def _unpack(self, number: int, stream: FollowedBlob, sink: Sink) -> None:
        """All of it is in the sink, and is right."""
        layer = self._form.layers[number]
        what, hasher = self._what(layer), layer.diff_id.hasher()
        plain = unpacked(stream, cap(layer.blob.size), what, large=self._large)
        with contextlib.closing(plain):
            for data in self._until_over(plain):  # a little that is packed may be much unpacked
                hasher.update(data)
                sink.write(data)
        if hasher.hexdigest() != layer.diff_id.hex:
            raise ContentError(
                "{}: wanted the diff_id {}, got {}:{}",
                what,
                layer.diff_id,
                layer.diff_id.algorithm,
                hasher.hexdigest(),
                remedy=self._remedy,
            )

    def _is_kept_right(self, number: int) -> bool:
        """What an earlier run left is hashed again, as all that it left."""
        with contextlib.closing(self._form.stored(number)) as chunks:
            return self._form.layers[number].diff_id.is_of(self._until_over(chunks))

    def _until_over(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for data in chunks:
            if self._follower.is_over:
                raise Stopped
            yield data

    @contextlib.contextmanager
    def _large(self) -> Iterator[None]:
        """While this thread waits for its turn another one may work: one that has its turn may wait for a ticket."""
        with self._pause():
            self._windows.acquire()
        try:
            yield
        finally:
            self._windows.release()

    @contextlib.contextmanager
    def _pause(self) -> Iterator[None]:
        """While this thread waits another one may work."""
        self._tickets.release()
        try:
            yield
        finally:
            self._tickets.acquire()


@contextlib.contextmanager
def _put(sink: Sink) -> Iterator[Sink]:
    try:
        yield sink
    finally:
        sink.discard()
