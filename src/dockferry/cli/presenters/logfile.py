"""The log file: the plain lines with the time before each, added to what the file holds (see `rotating`)."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Callable, Optional, Sequence

from ...errors import DiskError, Interrupted
from ...events import Event
from ...text import clean
from .. import report
from ..language import say
from . import Presenter
from .plain import Clock, Plain
from .rotating import RotatingFile
from .summary import Summary


class LogFile(Presenter):
    """Opens `path` at the beginning, with a line for each of `head` and one for `title`.

    Raises DiskError if it cannot; later failures to write are passed over.
    """

    def __init__(
        self,
        path: str,
        title: str,
        head: Sequence[str] = (),
        *,
        clock: Clock = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._head = path, (*head, clean(title, 1000))
        self._now = now
        self._clock = clock

    def begin(self) -> None:
        try:
            self._file = RotatingFile(self._path)
        except OSError as error:
            raise DiskError.of("write the log", self._path, error, remedy="give --log-file another path") from None
        self._plain = Plain(self._write, clock=self._clock, first=10.0, every=60.0, least=10.0)
        self._summary = Summary(lambda line: self._write(f"[INFO] {line}"))
        for line in self._head:
            self._write(f"[INFO] {line}")

    def __call__(self, event: Event) -> None:
        self._plain(event)
        self._summary(event)

    def end(self, error: Optional[BaseException]) -> None:
        if error is not None:
            ours = report.describe(error)
            mark = "[WARNING]" if isinstance(ours, Interrupted) else "[ERROR]"
            self._write(f"{mark} {clean(say(ours.line), 1000)}")
        self._file.close()

    def _write(self, line: str) -> None:
        with suppress(OSError, ValueError):  # a disk that is full stops no download
            self._file.line(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self._now()))} {line}")
