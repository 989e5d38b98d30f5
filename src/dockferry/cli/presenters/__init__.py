"""Presenters: objects that are called with each event and show it.

    bar      lines that move, for a terminal (rich)
    plain    a line now and then, for logs and pipes; also the log file's form
    jsonl    one JSON object for each event
    summary  what was made, at the end

A presenter writes to the stream it was given and nowhere else, and what it cannot write it leaves out: a
terminal that has gone stops no download.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Optional, Sequence, TextIO, Type, TypeVar

from ...events import Event

P = TypeVar("P", bound="Presenter")


class Presenter:
    """Called with each event, between `with` and its end. `tick`: seconds between the Progress events it wants."""

    tick = 1.0

    def begin(self) -> None:
        """Before the first event."""

    def __call__(self, event: Event) -> None:
        """Show `event`; this one shows nothing."""

    def end(self, error: Optional[BaseException]) -> None:
        """After the last event, by `error` if there was one."""

    def __enter__(self: P) -> P:
        self.begin()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.end(error)


class Several(Presenter):
    """All of `parts`, in order, one event at a time whatever thread it comes from."""

    def __init__(self, parts: Sequence[Presenter]) -> None:
        self.parts = parts
        self._lock = threading.RLock()
        self.tick = min((part.tick for part in parts), default=1.0)

    def begin(self) -> None:
        for part in self.parts:
            part.begin()

    def __call__(self, event: Event) -> None:
        with self._lock:
            for part in self.parts:
                part(event)

    def end(self, error: Optional[BaseException]) -> None:
        for part in self.parts:
            part.end(error)


class Lines:
    """Writes whole lines to `stream`, and falls silent when it cannot (terminal gone, disk of a log full)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_silent = False

    def __call__(self, text: str) -> None:
        if self._is_silent:
            return
        try:
            self._stream.write(f"{fit(text, self._stream.encoding)}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._is_silent = True


def fit(text: str, encoding: Optional[str]) -> str:
    """`text` with nothing that `encoding` lacks."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeError:
        return text.replace("…", "...").encode(encoding, "backslashreplace").decode(encoding)
    return text
