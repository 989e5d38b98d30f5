"""Deliveries: what a blob request gives: the reply's body, or nothing, as bytes of the blob."""

from __future__ import annotations

from typing import Optional

from .body import Body


class BlobDelivery:
    """Bytes `start` to `end` of a blob, which `what` names, in order. Used by one thread, but for `abort`."""

    def __init__(self, body: Body, what: str, start: int, end: int) -> None:
        self.start = start
        self.end: Optional[int] = end
        self._body = body
        body.what = what
        body.expect(end - start)

    def readinto(self, view: memoryview) -> int:
        """One receive into `view`; 0 after the last byte. Raises BodyError."""
        return self._body.readinto(view)

    def maybe_readinto(self, view: memoryview, seconds: float) -> Optional[int]:
        """As `readinto`, but None if nothing came within `seconds`."""
        return self._body.maybe_readinto(view, seconds)

    def abort(self) -> None:
        """From any thread: a `readinto` that waits comes back at once."""
        self._body.abort()

    def close(self) -> None:
        """The connection is kept if the delivery was read to its end."""
        self._body.close()


class EmptyDelivery:
    """Nothing, of a blob without bytes, which no one need be asked for."""

    start = 0

    def __init__(self) -> None:
        self.end: Optional[int] = 0

    def readinto(self, view: memoryview) -> int:
        return 0

    def maybe_readinto(self, view: memoryview, seconds: float) -> Optional[int]:
        return 0

    def abort(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""
