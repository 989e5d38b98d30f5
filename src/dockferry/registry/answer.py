"""Answer: the standard library's reply, whose head and framing have to come within a time.

A socket's timeout is for one receive. A host that drips a head, a chunk's size or what follows the last chunk, or
sends one interim reply (1xx) after another, never runs into it, and the library reads on for ever.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any, Optional


class _Timed(io.RawIOBase):
    """What `raw` gives until `ends_at`, then nothing but a timeout. Each receive is the socket's to bound."""

    def __init__(self, raw: Any) -> None:
        self.ends_at = float("inf")
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        if time.monotonic() > self.ends_at:
            raise socket.timeout("timed out")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """Its head has to be there within the time that the socket's timeout is when the reply is waited for."""

    def __init__(
        self, sock: Any, debuglevel: int = 0, method: Optional[str] = None, url: Optional[str] = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._timed = _Timed(self.fp.detach())
        self.fp = io.BufferedReader(self._timed)
        patience = sock.gettimeout()
        if patience is not None:
            self.allow(patience)

    def allow(self, seconds: float) -> None:
        """From now on so long for everything that is read through `fp`."""
        self._timed.ends_at = time.monotonic() + seconds
