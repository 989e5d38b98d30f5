"""Rotating: a text file that is added to and begins anew when it is large; its last forms are kept beside it.

*Strategy.* Several programs may write to one file. Who finds it too large renames it, under a lock, after a second
look; the others see before their next line that the name stands for another file, and go on there. What they had
written meanwhile stands in the file that was put away: no line is lost. Where the file cannot be put away (Windows,
while another program has it open) it is added to as it is.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Optional, TextIO

from ...system.lock import only_one

LIMIT = 5_000_000
"""Bytes, from which on a file is put away."""
KEPT = 3
"""How many that were put away are kept: `NAME.1` is the youngest."""


class RotatingFile:
    """Opened for adding, in UTF-8. Only a regular file is ever put away. Raises OSError, as does `line`."""

    def __init__(self, path: str, limit: int = LIMIT, kept: int = KEPT) -> None:
        self._path = os.path.abspath(path)
        self._limit, self._kept = limit, kept
        self._file: Optional[TextIO] = None
        self._open()

    def line(self, text: str) -> None:
        """Add `text` as a line, at once."""
        if self._file is None or self._is_stale():
            self._open()
        assert self._file is not None
        self._file.write(f"{text}\n")
        self._file.flush()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def _open(self) -> None:
        self.close()  # Windows renames no open file
        put_away(Path(self._path), self._limit, self._kept)
        self._file = open(self._path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - see `close`

    def _is_stale(self) -> bool:
        """Whether the file is too large, or another has its name by now."""
        assert self._file is not None
        ours = os.fstat(self._file.fileno())
        if not stat.S_ISREG(ours.st_mode):
            return False
        try:
            if os.path.islink(self._path):
                return False
            return ours.st_size >= self._limit or not os.path.samestat(ours, os.stat(self._path))
        except FileNotFoundError:
            return True


def put_away(path: Path, limit: int, kept: int) -> None:
    """Rename `path` to `path.1` if it has `limit` bytes or more, and those that are there already one further.

    It is left as it is where that cannot be done, and where another run does it just now.
    """
    with suppress(OSError):
        if not _is_large(path, limit):
            return
        with only_one(_beside(path, "lock")):
            if _is_large(path, limit):  # still: another run may have been quicker
                _shift(path, kept)


def _shift(path: Path, kept: int) -> None:
    """First what may be refused; a run that was killed in between is finished by the next."""
    aside = _beside(path, "0")
    if not aside.exists():
        os.replace(path, aside)
    for number in range(kept - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(_beside(path, str(number)), _beside(path, str(number + 1)))
    os.replace(aside, _beside(path, "1"))


def _is_large(path: Path, limit: int) -> bool:
    found = os.lstat(path)  # what a link leads to is its owner's to put away
    return stat.S_ISREG(found.st_mode) and found.st_size >= limit


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")
