"""Ctrl-C and its kin: the first asks for an orderly end, a second one leaves at once."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import Any, Iterator

from ..system.signals import ENDING

EXIT_CODE = 130
# One Ctrl-C may arrive twice: from the terminal, and from a parent that passes it on.
_SAME = 0.2
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def interruptible() -> Iterator[None]:
    """Within, SIGINT, SIGTERM, SIGHUP and Ctrl-Break raise KeyboardInterrupt in the main thread, once.

    A signal that the parent has us ignore (nohup, a script's background job) stays ignored.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    asked: float = 0.0

    def handle(number: int, frame: Any) -> None:
        nonlocal asked
        now = time.monotonic()
        if not asked:
            asked = now
            raise KeyboardInterrupt
        if now - asked >= _SAME:
            _leave()

    for number, handler in before.items():
        if handler not in (signal.SIG_IGN, None):
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler not in (signal.SIG_IGN, None):
                signal.signal(number, handler)


def _leave() -> None:
    """Now, whatever threads there are. The unfinished download is safe: it may be killed at any instant."""
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR.encode())
    os._exit(EXIT_CODE)
