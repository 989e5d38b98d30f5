"""The closing summary: what was made, from where, how fast, and how to load it."""

from __future__ import annotations

from typing import Callable, List, Sequence, Tuple

from ...events import Event, Finished, SourceReport
from ...text import human_size, redact
from .. import cells
from ..language import say
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
        (say("image"), redact(event.image)),
        (say("digest"), event.digest),
        (say("file"), words.as_typed(event.target)),
        (say("size"), human_size(event.size)),
    ]
    if event.fresh:
        facts.append((say("time"), _time(event)))
        facts += _sources(event, sources)
    else:
        facts.append((say("fetched"), say("nothing: the file was there already")))
    if event.tree and event.tree != event.target:
        facts.append((say("layers"), words.as_typed(event.tree)))
    if event.load:
        facts.append((say("load"), words.as_typed(event.load)))
    return [cells.left(f"{name}:" if name else "", 9) + text for name, text in facts]


def _time(event: Finished) -> str:
    took, speed = words.clock(event.elapsed), words.speed(event.speed)
    return say("{} for {}, {} on average", took, human_size(event.received), speed)


def _sources(event: Finished, sources: Sequence[SourceReport]) -> List[Tuple[str, str]]:
    if len(sources) < 2:
        return [(say("source"), redact(event.source))]
    return [(say("source") if place == 0 else "", words.source(one)) for place, one in enumerate(sources)]
