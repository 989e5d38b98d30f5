"""Door: where a registry is found, whom to believe that it is the one, and what was asked and sent through it."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from measure import Sample

from dockferry.serve import Served


class Tally(NamedTuple):
    """So far: requests that were answered, and bytes of bodies that were sent."""

    requests: int
    sent: int


@dataclass(frozen=True)
class Door:
    """`host` and `authority` as in `peer.Target`; `tally` is None where the server does not tell."""

    host: str
    authority: Optional[Path] = None
    tally: Optional[Callable[[], Tally]] = None

    def counted(self, before: Optional[Tally], sample: Sample) -> Sample:
        """`sample`, with what was asked and sent since `before`."""
        if self.tally is None or before is None:
            return sample
        now = self.tally()
        return dataclasses.replace(sample, requests=now.requests - before.requests, sent=now.sent - before.sent)


class Counter:
    """Counts the requests that a server of our own answers, by any of its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0

    def __call__(self, served: Served) -> None:
        with self._lock:
            self.requests += 1
