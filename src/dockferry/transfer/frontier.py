"""The frontier: a blob's hash, following its contiguous bytes.

Strategy: whoever may move a frontier holds it (`held`), one at a time: a worker whose chunk stands right at it,
hashing from the buffer in hand, or a hasher thread, reading back what came out of order or was there before.
Hashing itself happens outside the lock that guards `offset` and `held`.
"""

from __future__ import annotations

from typing import Any

from ..oci.descriptor import Descriptor
from .protocols import Destination, read_full


class Frontier:
    """`offset`: how far the blob is hashed, in bytes."""

    __slots__ = ("_hash", "blob", "held", "offset")

    def __init__(self, blob: Descriptor) -> None:
        self.blob = blob
        self.offset = 0
        self.held = False
        self._hash: Any = blob.digest.hasher()

    def update(self, data: memoryview) -> None:
        """Hash the next bytes. Only by the holder; does not move `offset`."""
        self._hash.update(data)

    @property
    def is_good(self) -> bool:
        """Whether what was hashed is the blob: its size and its digest. The one gate for success."""
        return self.offset == self.blob.size and bool(self._hash.hexdigest() == self.blob.digest.hex)

    @property
    def found(self) -> str:
        """The digest of what was hashed so far, for an error."""
        return f"{self.blob.digest.algorithm}:{self._hash.hexdigest()}"

    def fork(self) -> Frontier:
        """Another one, which has come as far. Only while nobody holds this one."""
        other = Frontier(self.blob)
        other.offset, other._hash = self.offset, self._hash.copy()
        return other

    def reset(self) -> None:
        """Begin again at 0."""
        self.offset = 0
        self._hash = self.blob.digest.hasher()


def read_back(frontier: Frontier, destination: Destination, end: int, view: memoryview) -> int:
    """Hash from the destination, at most to `end` and at most `len(view)` bytes; how many bytes were hashed.

    Only by the holder. Less than asked for means that the destination has no more.
    """
    wanted = view[: min(len(view), end - frontier.offset)]
    count = read_full(destination, frontier.blob, frontier.offset, wanted)
    frontier.update(wanted[:count])
    return count
