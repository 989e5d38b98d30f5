"""Patience: asking again for the small documents that everything else waits for."""

from __future__ import annotations

import random
import time
from typing import Callable, TypeVar

from ..errors import BusyError, DockferryError, NetworkError
from ..events import OnEvent, Retry
from ..transfer.retry import RetryPolicy

T = TypeVar("T")

DOCUMENTS = RetryPolicy(attempts=5, base=1.0, longest=30.0)
"""Unless the user says otherwise. Shorter than for blobs: nothing is lost yet, and a mistyped host should be told in
seconds."""

ONCE = RetryPolicy(attempts=1)


def patiently(call: Callable[[], T], what: str, source: str, on_event: OnEvent, policy: RetryPolicy = DOCUMENTS) -> T:
    """What `call` gives, tried again while it raises a NetworkError that is worth it. Each wait is told as Retry."""
    for number in range(1, policy.attempts):
        try:
            return call()
        except NetworkError as error:
            if not error.is_retryable:
                raise
            rest(error, number, what, source, on_event, policy)
    return call()


def rest(error: DockferryError, number: int, what: str, source: str, on_event: OnEvent, policy: RetryPolicy) -> None:
    """Wait before the `number`-th try after `error`, as `policy` and the host have it, and tell so."""
    asked = error.retry_after if isinstance(error, BusyError) else None
    wait = policy.rest(number, random.random(), asked)  # noqa: S311 - jitter, no secret
    on_event(Retry(what, number, error.message, wait, source))
    time.sleep(wait)
