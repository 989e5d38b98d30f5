"""Access log: what docker-registry was asked and what it sent, from the lines that it writes for each request."""

from __future__ import annotations

import re
import time
from pathlib import Path

from door import Tally

_LINE = re.compile(rb'" \d{3} (\d+) "')
_SETTLED = 0.05
_PATIENCE = 2.0


class AccessLog:
    """The combined log format of Apache, in a file that grows: a request's line comes when it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def tally(self) -> Tally:
        """All lines so far. The last one is written just after its client has all it wants: that is waited for."""
        deadline = time.monotonic() + _PATIENCE
        size = -1
        while size != self._path.stat().st_size and time.monotonic() < deadline:
            size = self._path.stat().st_size
            time.sleep(_SETTLED)
        sizes = [int(found) for found in _LINE.findall(self._path.read_bytes())]
        return Tally(len(sizes), sum(sizes))
