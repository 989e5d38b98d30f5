"""Undisturbed: renaming and removing files that another program may have open for a moment.

Windows refuses both while it has: a virus scanner or an indexer opens every new file.
"""

from __future__ import annotations

import time
from typing import Callable

_BUSY = (5, 32)
"""Windows' codes: access denied, sharing violation."""
_SECONDS = 3.0


def undisturbed(change: Callable[[], None]) -> None:
    """`change()`, made again for a while where Windows says that the file is in use. Raises what it raises."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return change()
        except OSError as error:
            if getattr(error, "winerror", None) not in _BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.05)
