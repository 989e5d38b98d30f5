"""Plain lines: how it goes, now and then, for what is not a terminal, and for the log file."""

from __future__ import annotations

import time
from typing import Callable

from ...events import Event, Progress, Unpacking
from . import Presenter, words

Clock = Callable[[], float]


class Plain(Presenter):
    """Notes at once. Progress first after `first` seconds, then every `every`; when a layer finishes at most every
    `least`. `write` takes a line; `clock` gives seconds."""

    tick = 0.5

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        clock: Clock = time.monotonic,
        first: float = 2.0,
        every: float = 10.0,
        least: float = 1.0,
    ) -> None:
        self._write = write
        self._clock = clock
        self._first, self._every, self._least = first, every, least
        self._layers_shown = 0
        self._next = self._next_layer = clock() + first

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._progress(event)
            return
        if isinstance(event, Unpacking):
            self._unpacking(event)
            return
        line = words.note(event)
        if line is not None:
            self._write(line)

    def _unpacking(self, state: Unpacking) -> None:
        now = self._clock()
        if now >= self._next:
            self._next = now + self._every
            self._write(words.unpacking(state))

    def _progress(self, state: Progress) -> None:
        now = self._clock()
        has_new_layer = state.layers_done > self._layers_shown
        if now >= self._next or (has_new_layer and now >= self._next_layer):
            self._layers_shown = state.layers_done
            self._next, self._next_layer = now + self._every, now + self._least
            self._write(words.whole(state))


class Notes(Presenter):
    """Warnings and retries alone, for `--progress none`."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def __call__(self, event: Event) -> None:
        line = words.note(event)
        if line is not None and line.startswith("[WARNING]"):
            self._write(line)
