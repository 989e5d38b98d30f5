"""The two sides of a transfer: a source gives byte ranges of blobs, a destination takes them."""

from __future__ import annotations

from typing import Callable, Optional, Protocol

from ..oci.descriptor import Descriptor


class Abortable(Protocol):
    """Something that one thread may be waiting in."""

    def abort(self) -> None:
        """From any thread, at any time: who waits comes back at once, with a NetworkError."""


Hold = Callable[[Abortable], None]
"""Is told what can end a wait that is about to begin."""


def unheld(abortable: Abortable) -> None:
    """For those who wait to the end."""


class Delivery(Protocol):
    """One reply in progress. Used by one thread, but for `abort`."""

    @property
    def start(self) -> int:
        """Offset in the blob of the first byte that `readinto` gives; below the wanted one if ranges are ignored."""

    @property
    def end(self) -> Optional[int]:
        """Offset in the blob after the last byte that is promised; None where the reply does not say."""

    def readinto(self, view: memoryview) -> int:
        """Wait for bytes, put what came into `view`, and say how many; 0 after the last promised byte.

        One receive: it does not wait for `view` to be full. Raises BodyError when the body ends before its
        promised end, stays silent longer than the idle timeout, or is framed wrongly.
        """

    def maybe_readinto(self, view: memoryview, seconds: float) -> Optional[int]:
        """As `readinto`, but None if nothing came within `seconds`, where the source can tell.

        So that what came before a silence is written at once, and not after it.
        """

    def abort(self) -> None:
        """From any thread, at any time: a `readinto` that waits comes back at once (with 0 or BodyError)."""

    def close(self) -> None:
        """Done with it. The connection is kept for the next request if the body was read to its end."""


class Source(Protocol):
    """Something that has blobs. `open` may be called by many threads at once."""

    name: str
    """For people: the host, without credentials."""

    def open(self, blob: Descriptor, start: int, end: int, hold: Hold = unheld) -> Delivery:
        """Ask for bytes `start` to `end` (exclusive) of `blob`.

        `hold` is called first, with what ends this one wait for an answer; it has no effect after that.
        Authorization, redirects and their renewal are the source's own affair; waiting and trying again are
        the caller's. Raises NetworkError (worth a retry if it says so), AuthError, NotFoundError, ContentError.
        """

    def abort(self) -> None:
        """From any thread: requests that wait for an answer come back at once, with NetworkError."""


class Destination(Protocol):
    """Where blobs are put. Its methods may be called by many threads at once, for different ranges."""

    def write(self, blob: Descriptor, offset: int, data: memoryview) -> None:
        """Put all of `data` at `offset` of `blob`. Raises DiskError."""

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        """Read back from `offset` of `blob`; how many bytes came, 0 where nothing was written. Raises DiskError."""

    def sync(self) -> None:
        """Come back when everything that was written is on stable storage. Raises DiskError."""


def read_full(destination: Destination, blob: Descriptor, offset: int, view: memoryview) -> int:
    """Fill `view` from `offset` of `blob` on: how many bytes came, fewer where the destination has no more.

    Raises DiskError.
    """
    done = 0
    while done < len(view):
        got = destination.readinto(blob, offset + done, view[done:])
        if not got:
            break
        done += got
    return done
