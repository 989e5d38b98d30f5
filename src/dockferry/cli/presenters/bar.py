"""The bar: moving lines on a terminal, drawn with rich."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import ContextManager, List, Optional, TextIO

from ...events import BlobDone, Event, Finished, Progress, Unpacking
from .. import cells
from ..language import say
from . import Presenter, bar_lines, fit, words
from .plain import Clock

_LEAST = 0.1
"""Seconds between two redraws: one costs about as much as receiving a megabyte."""


class Bar(Presenter):
    """Raises ImportError where rich is missing. Redraws when it is told something; it has no thread of its own."""

    tick = 0.125

    def __init__(self, stream: TextIO, *, clock: Clock = time.monotonic) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._live = Live(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._glyphs = bar_lines.UNICODE if self._console.encoding.startswith("utf") else bar_lines.ASCII
        self._clock = clock
        self._next = clock()
        self._last: Optional[Progress] = None

    def begin(self) -> None:
        self._draw([[(say("connecting"), "dim")]])

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._progress(event)
        elif isinstance(event, Unpacking):
            self._unpacking(event)
        elif isinstance(event, Finished):
            self._last = None
            self._stop()
        elif not isinstance(event, BlobDone):  # a finished layer folds away
            self._print(words.note(event))

    def end(self, error: Optional[BaseException]) -> None:
        self._stop()
        if self._last is not None and error is not None:
            self._print(words.whole(self._last))  # what had been reached stays on the screen

    def _progress(self, state: Progress) -> None:
        self._last = state
        now = self._clock()
        if now >= self._next:
            self._next = now + _LEAST
            width, height = self._console.size
            self._draw(bar_lines.screen(state, width, height, self._glyphs))

    def _unpacking(self, state: Unpacking) -> None:
        now = self._clock()
        if now >= self._next:
            self._next = now + _LEAST
            self._draw([[(cells.cut(words.unpacking(state), self._console.size.width), "bold")]])

    def _draw(self, lines: List[bar_lines.Line]) -> None:
        from rich.text import Text

        shown = Text(no_wrap=True, overflow="crop", end="")
        for number, line in enumerate(lines):
            shown.append("\n" if number else "")
            for text, style in line:
                shown.append(text, style)
        with _unless_gone():
            self._live.update(shown)
            if self._live.is_started:
                self._live.refresh()
            else:
                self._live.start(refresh=True)

    def _print(self, line: Optional[str]) -> None:
        if line is not None:
            with _unless_gone():
                self._console.print(fit(line, self._console.encoding), soft_wrap=True, style=_style(line))

    def _stop(self) -> None:
        with _unless_gone():
            self._live.stop()


def _unless_gone() -> ContextManager[None]:
    """A terminal that has gone stops no download."""
    return suppress(OSError, ValueError)


def _style(line: str) -> str:
    return "yellow" if line.startswith("[WARNING]") else "dim" if line.startswith("[INFO]") else ""
