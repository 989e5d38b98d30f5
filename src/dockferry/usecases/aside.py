"""Aside: a call that may wait for long, in a thread of its own, so that this one hears Ctrl-C.

*Strategy.* A signal that comes just before a system call begins does not end it, and on Windows none does: Python
hears of it between two waits. So the main thread waits for others only, and never for long at a time.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Callable, TypeVar, Union

T = TypeVar("T")
_HEARTBEAT = 0.5
"""Seconds that the main thread waits at a time."""


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def aside(call: Callable[[], T], name: str) -> T:
    """What `call` gives or raises. Where this thread is interrupted, `call` is left to end by itself.

    `name` is the thread's, for who looks at it in a debugger.
    """
    told: queue.SimpleQueue[Union[T, _Failed]] = queue.SimpleQueue()
    run_aside(lambda: told.put(call()), lambda error: told.put(_Failed(error)), name)
    found = hear(told)
    if isinstance(found, _Failed):
        raise found.error
    return found


def run_aside(call: Callable[[], None], failed: Callable[[BaseException], None], name: str) -> None:
    """Begin `call` in a daemon thread; `failed` is told there what it raises."""

    def run() -> None:
        try:
            call()
        except BaseException as error:  # whoever waits for it must hear of it
            failed(error)

    threading.Thread(target=run, name=name, daemon=True).start()


def hear(told: queue.SimpleQueue[T], until: float = float("inf")) -> T:
    """What another thread puts into `told`. Raises queue.Empty where nothing comes `until` then, a monotonic time."""
    while True:
        left = until - time.monotonic()
        try:
            return told.get(timeout=max(0.0, min(_HEARTBEAT, left)))
        except queue.Empty:
            if left <= 0:
                raise


def sleep(seconds: float) -> None:
    """`time.sleep`, in which Ctrl-C is heard."""
    end = time.monotonic() + seconds
    while True:
        left = end - time.monotonic()
        if left <= 0:
            return
        time.sleep(min(_HEARTBEAT, left))
