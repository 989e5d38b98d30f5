"""The closing summary: what was made, from where, how fast, and how to load it."""

from __future__ import annotations

from typing import Callable, List, Sequence, Tuple

from ...events import Event, Finished, SourceReport
from ...text import human_size, redact
from . import Presenter, words


class Summary(Presenter):
    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._sources: List[SourceReport] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, SourceReport):
            self._sources.append(event)
        if isinstance(event, Finished):
            for line in summary(event, self._sources):
                self._write(line)
            self._sources.clear()


def summary(event: Finished, sources: Sequence[SourceReport] = ()) -> List[str]:
    """For people, a fact a line; what each of several `sources` did has one too."""
    facts = [
        ("image", redact(event.image)),
        ("digest", event.digest),
        ("file", words.as_typed(event.target)),
        ("size", human_size(event.size)),
    ]
    if event.fresh:
        facts.append(("time", _time(event)))
        facts += _sources(event, sources)
    else:
        facts.append(("fetched", "nothing: the file was there already"))
    facts.append(("load", words.as_typed(event.load)))
    return [f"{name + ':' if name else '':<9}{text}" for name, text in facts]


def _time(event: Finished) -> str:
    return f"{words.clock(event.elapsed)} for {human_size(event.received)}, {words.speed(event.speed)} on average"


def _sources(event: Finished, sources: Sequence[SourceReport]) -> List[Tuple[str, str]]:
    if len(sources) < 2:
        return [("source", redact(event.source))]
    return [("source" if place == 0 else "", words.source(one)) for place, one in enumerate(sources)]
