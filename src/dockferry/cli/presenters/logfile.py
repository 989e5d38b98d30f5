"""The log file: the plain lines with the time before each, added to what the file holds."""

from __future__ import annotations

import time
from typing import Callable, Optional

from ...errors import DiskError
from ...events import Event
from ...text import clean
from .. import report
from ..language import say
from . import Lines, Presenter
from .plain import Clock, Plain
from .summary import Summary


class LogFile(Presenter):
    """Opens `path` at the beginning. Raises DiskError if it cannot; later failures to write are passed over."""

    def __init__(
        self,
        path: str,
        title: str,
        *,
        clock: Clock = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._title = path, title
        self._now = now
        self._clock = clock

    def begin(self) -> None:
        try:
            self._file = open(self._path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - see `end`
        except OSError as error:
            raise DiskError.of("write the log", self._path, error, remedy="give --log-file another path") from None
        self._lines = Lines(self._file)
        self._plain = Plain(self._write, clock=self._clock, first=10.0, every=60.0, least=10.0)
        self._summary = Summary(lambda line: self._write(f"[INFO] {line}"))
        self._write(f"[INFO] {self._title}")

    def __call__(self, event: Event) -> None:
        self._plain(event)
        self._summary(event)

    def end(self, error: Optional[BaseException]) -> None:
        if error is not None:
            self._write(f"[ERROR] {clean(say(report.describe(error).line), 1000)}")
        self._file.close()

    def _write(self, line: str) -> None:
        self._lines(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self._now()))} {line}")
