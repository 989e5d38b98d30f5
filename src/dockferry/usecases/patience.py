"""Patience: asking again for the small documents that everything else waits for."""

from __future__ import annotations

import random
import time
from typing import Callable, Sequence, Tuple, TypeVar

from ..errors import BusyError, ConnectError, DockferryError, NetworkError, UnknownHostError
from ..events import OnEvent, Retry
from ..message import Message
from ..transfer.retry import RetryPolicy
from .aside import aside, sleep

T = TypeVar("T")

Failures = Sequence[Tuple[str, DockferryError]]
"""Of one round: each source's name, and its error, which is worth a retry."""


class Patience:
    """The tries for one document, `what`, by one policy. `is_known`: a host that is asked has answered before."""

    def __init__(self, what: str, policy: RetryPolicy, on_event: OnEvent, *, is_known: bool = False) -> None:
        self._what, self._policy, self._on_event = what, policy, on_event
        self._is_known = is_known
        self._began = time.monotonic()
        self._number = 0

    def rest(self, failures: Failures) -> bool:
        """After a round of tries that all failed: wait before the next, and tell so. False: that was the last."""
        self._number += 1
        self._is_known = self._is_known or any(not isinstance(error, ConnectError) for _, error in failures)
        is_unknown = all(isinstance(error, UnknownHostError) for _, error in failures)
        policy = self._policy.for_unknown_name() if is_unknown else self._policy
        left = policy.left(self._number, time.monotonic() - self._began, self._is_known)
        if not failures or left is None:
            return False
        luck = random.random()  # noqa: S311 - jitter, no secret
        waits = [self._policy.rest(self._number, luck, _asked(error)) for _, error in failures]
        wait = min(left, max(waits))
        names = ", ".join(name for name, _ in failures)
        name, longest = failures[waits.index(max(waits))]
        reason = longest.reason if len(failures) == 1 else Message("{}: {}", name, longest.reason)
        self._on_event(Retry(self._what, self._number, reason, wait, names))
        sleep(wait)
        return True


def patiently(call: Callable[[], T], source: str, patience: Patience) -> T:
    """What `call` gives, tried again while it raises a NetworkError that is worth it."""
    while True:
        try:
            return aside(call, f"ask {source}")
        except NetworkError as error:
            if not error.is_retryable or not patience.rest([(source, error)]):
                raise


def _asked(error: DockferryError) -> float:
    return (isinstance(error, BusyError) and error.retry_after) or 0.0
