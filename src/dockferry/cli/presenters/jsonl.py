"""JSON lines: each event as one object on one line, for programs."""

from __future__ import annotations

import json
from typing import Callable

from ...events import Event
from . import Presenter


class JsonLines(Presenter):
    """The form is written down in docs/events.md. ASCII only, so that nothing in a name can act on a terminal."""

    tick = 0.5

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, event: Event) -> None:
        self._write(json.dumps(event.to_json(), separators=(",", ":"), allow_nan=False))
