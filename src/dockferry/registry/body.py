"""Body: the bytes of one reply, taken one receive at a time.

urllib3's own `read` waits until its amount is full and loses what it had when the connection dies. So a body is read
below it: first what the standard library's reader has taken in together with the headers, then straight from the
socket; a body in chunks through `http.client`, which knows their framing.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from typing import Any, Callable, Optional

from ..errors import BodyError
from ..message import Message
from ..text import clean
from .answer import Answer
from .lines import hang_up

_CHUNK_READ = 256 * 1024
"""The most that is taken at once from a body in chunks, which is copied."""
_SMALL = 64 * 1024
"""A rest that is read rather than paid for with a new connection."""
_LAST_CHUNK_PATIENCE = 0.05
_ERRORS = (OSError, EOFError, http.client.HTTPException, ValueError)
DOCUMENT_TIME = 300.0
"""Seconds for a whole document: a manifest that drips in for longer will never come."""


class Body:
    """`got` bytes were given so far; `where` and `what` name host and document in errors.

    `sock` is the socket below `reply`; `length` what the headers promise, None if they do not. `done` is called
    once, with True if the connection may serve again.
    """

    def __init__(
        self,
        reply: Answer,
        sock: Any,
        length: Optional[int],
        idle_timeout: float,
        where: str,
        done: Callable[[bool], None],
    ) -> None:
        self.got = 0
        self._reply = reply
        self._sock = sock
        self._length = length
        self._wanted = length
        self._idle_timeout = idle_timeout
        self._where = where
        self.what: str = Message("the body")
        self._done: Optional[Callable[[bool], None]] = done
        self._is_broken = False
        self._is_drained = False
        """Nothing is left in the reader that took in the headers."""
        self._lock = threading.Lock()
        """Between `abort` and `close`: a connection that is in other hands again is not shut down."""
        self._timeout: Optional[float] = None
        """What the socket's is now."""

    def expect(self, count: int) -> None:
        """From now on exactly `count` bytes are wanted in all: fewer are an error, more are not taken."""
        self._wanted = count

    def readinto(self, view: memoryview) -> int:
        """One receive into `view`: how many bytes came, 0 after the last.

        Raises BodyError when the body ends early, is silent longer than the idle timeout, or is framed wrongly.
        """
        try:
            return self._receive(view, self._idle_timeout)
        except _ERRORS as error:
            raise self._broken(error) from None

    def maybe_readinto(self, view: memoryview, seconds: float) -> Optional[int]:
        """As `readinto`, but None if nothing came within `seconds`: nothing is lost by that.

        While the reply's own reader is still asked (for its first bytes, and for chunks) it waits as `readinto` does.
        """
        if not self._is_drained or self._reply.chunked or seconds >= self._idle_timeout:
            return self.readinto(view)
        try:
            return self._receive(view, seconds)
        except socket.timeout:
            return None
        except _ERRORS as error:
            raise self._broken(error) from None

    def read(self, limit: int, patience: float = DOCUMENT_TIME) -> bytes:
        """The rest, at most `limit` bytes of it, within `patience` seconds. Raises BodyError."""
        deadline = time.monotonic() + patience
        buffer = bytearray()
        step = bytearray(min(limit, _SMALL))
        while len(buffer) < limit:
            count = self.readinto(memoryview(step)[: limit - len(buffer)])
            if not count:
                break
            buffer += step[:count]
            if time.monotonic() > deadline:
                self._is_broken = True
                raise BodyError(
                    "{}: {} is not whole after {:.3g} s, got {}", self._where, self.what, patience, self._progress()
                )
        return bytes(buffer)

    def abort(self) -> None:
        """From any thread, at any time: a receive that waits comes back at once."""
        with self._lock:
            if self._done is not None:
                self._is_broken = True
                hang_up(self._sock)

    def discard(self) -> None:
        """Not wanted: a short rest is read, so that the connection can serve again."""
        rest = 0 if self._length is None else self._length - self.got
        if self._done is not None and rest <= _SMALL and not self._reply.will_close:
            with contextlib.suppress(BodyError):
                self.read(_SMALL, self._idle_timeout)
        self.close()

    def close(self) -> None:
        """Done with it. The connection is kept if the body was read to its end."""
        reusable = self._is_at_end()
        with self._lock:
            done, self._done = self._done, None
            reusable = reusable and not self._is_broken
        if done is not None:
            done(reusable)

    def _receive(self, view: memoryview, seconds: float) -> int:
        room = len(view)
        if self._wanted is not None:
            room = min(room, self._wanted - self.got)
        if room <= 0:
            return 0
        if seconds != self._timeout:  # a system call, which a fast link should not pay for at each receive
            self._sock.settimeout(seconds)
            self._timeout = seconds
        if self._is_drained and not self._reply.chunked:
            count: int = self._sock.recv_into(view, room)
        else:
            self._reply.allow(seconds)
            count = self._receive_chunk(view, room) if self._reply.chunked else self._receive_first(view, room)
        self.got += count
        if not count and self._wanted is not None:
            raise EOFError
        return count

    def _receive_first(self, view: memoryview, room: int) -> int:
        """What the reader holds already, or takes in now: `peek` receives once if it holds nothing."""
        held = len(self._reply.fp.peek(1))
        count = min(held, room)
        self._is_drained = count == held
        return int(self._reply.fp.readinto(view[:count]))

    def _receive_chunk(self, view: memoryview, room: int) -> int:
        data = self._reply.read1(min(room, _CHUNK_READ))
        if (self._reply.chunk_left or 0) < 0:
            raise ValueError(Message("a chunk of negative size"))
        view[: len(data)] = data
        return len(data)

    def _is_at_end(self) -> bool:
        """True if the next thing on the connection is another reply."""
        if self._is_broken or self._done is None or self._reply.will_close:
            return False
        if not self._reply.chunked:
            return self.got == self._length
        if self.got == self._wanted and not self._reply.isclosed():
            self._take_last_chunk()
        return self._reply.isclosed()

    def _take_last_chunk(self) -> None:
        """The empty chunk that ends a body mostly comes with its last bytes: it is not waited for."""
        try:
            self._sock.settimeout(_LAST_CHUNK_PATIENCE)
            self._reply.allow(_LAST_CHUNK_PATIENCE)
            self._is_broken = self._reply.read1(1) != b""
        except (OSError, http.client.HTTPException, ValueError):
            self._is_broken = True

    def _broken(self, error: Exception) -> BodyError:
        self._is_broken = True
        if isinstance(error, (EOFError, http.client.IncompleteRead)):
            happened = Message("ended early")
        elif isinstance(error, socket.timeout):
            happened = Message("was silent for {:.3g} s", self._idle_timeout)
        else:
            said = clean(getattr(error, "strerror", None) or str(error) or type(error).__name__, 100)
            happened = Message("broke off: {}", Message(said.lower()))
        progress = self._progress()
        reason = Message("{}, got {}", happened, progress)
        return BodyError("{}: {} {}, got {}", self._where, self.what, happened, progress, reason=reason)

    def _progress(self) -> str:
        if self._wanted is None:
            return Message("{} bytes", self.got)
        return Message("{} of {} bytes", self.got, self._wanted)
