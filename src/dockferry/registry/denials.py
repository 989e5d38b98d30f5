"""Denials: how often a storage host has refused a blob at an address that the registry had just made.

*Strategy.* One refusal may be an address that ran out on the way, or a storage host that has not heard of it yet.
Several in a row, for one blob, say that no address will do. Pure.
"""

from __future__ import annotations

from typing import Dict, Tuple

from ..errors import DockferryError, NetworkError, RequestError, StorageError
from ..message import Message
from ..oci.digest import Digest

MOST = 3
"""Refusals in a row after which the blob counts as refused for good."""


class Denials:
    """Methods are called by one thread at a time. Times are in seconds, of one clock."""

    def __init__(self) -> None:
        self._known: Dict[Digest, Tuple[int, float]] = {}

    def delivered(self, blob: Digest) -> None:
        """The host gives it: the count starts again."""
        self._known.pop(blob, None)

    def denied(self, blob: Digest, error: DockferryError, registry: str, began: float, now: float) -> NetworkError:
        """The error for a refusal, `error`, of a request that `began` then, where `registry` sent us.

        Requests that were under way together count once.
        """
        count, counted_at = self._known.get(blob, (0, float("-inf")))
        if began >= counted_at:
            count += 1
            self._known[blob] = (count, now)
        if count < MOST:
            return StorageError(
                "{} (where {} sent us)",
                error.message,
                registry,
                number=count,
                reason=Message("{} (where {} sent us)", error.reason, registry),
            )
        return RequestError(
            "{} (where {} sent us, {} times)",
            error.message,
            registry,
            count,
            remedy="run the same command again later, or name another mirror with -r",
        )
