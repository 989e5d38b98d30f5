"""The closing summary: what was made, from where, how fast, and how to load it."""

from __future__ import annotations

from typing import Callable, List

from ...events import Event, Finished
from ...text import human_size, redact
from . import Presenter, words


class Summary(Presenter):
    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, event: Event) -> None:
        if isinstance(event, Finished):
            for line in summary(event):
                self._write(line)


def summary(event: Finished) -> List[str]:
    """For people, a fact a line."""
    facts = [
        ("image", redact(event.image)),
        ("digest", event.digest),
        ("file", words.as_typed(event.target)),
        ("size", human_size(event.size)),
    ]
    if event.fresh:
        facts.append(("time", _time(event)))
        facts.append(("source", redact(event.source)))
    else:
        facts.append(("fetched", "nothing: the file was there already"))
    facts.append(("load", words.as_typed(event.load)))
    return [f"{name + ':':<9}{text}" for name, text in facts]


def _time(event: Finished) -> str:
    return f"{words.clock(event.elapsed)} for {human_size(event.received)}, {words.speed(event.speed)} on average"
