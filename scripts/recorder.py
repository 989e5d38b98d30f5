"""A recorder: runs the real program on a terminal of its own and keeps what its screen showed, frame by frame."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from itertools import groupby
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import pyte
from terminal_svg import Frame, Line, Run

COLUMNS, ROWS = 96, 40
_EVERY = 0.5
"""Seconds between two frames."""
_PATIENCE = 90.0
_INTERRUPT = b"^C"
_COLOURED = re.compile(rb"\x1b\[([0-9;]*)m")
# The new process makes the terminal its own, so that Ctrl-C typed there reaches it; then it is the program.
_START = "import fcntl,os,sys,termios; fcntl.ioctl(0,termios.TIOCSCTTY,0); os.execv(sys.executable,sys.argv[1:])"


class Terminal:
    """A terminal of COLUMNS x ROWS: what is typed and what programs draw there, kept as frames."""

    def __init__(self, folder: Path, language: str) -> None:
        self.frames: List[Frame] = []
        self._folder = folder
        self._environment = _environment(folder, language)
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._began = time.monotonic()

    def run(self, command: str, interrupt_when: Optional[Callable[[], bool]] = None) -> int:
        """What follows `dockferry` in a shell; Ctrl-C is typed once when `interrupt_when` says so. The exit code."""
        self.type(f"dockferry {command}")
        words = [sys.executable, "-m", "dockferry", *command.split()]
        master, slave = os.openpty()
        try:
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            with subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-c", _START, *words],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            ) as process:
                os.close(slave)
                try:
                    self._watch(master, interrupt_when)
                finally:
                    if process.poll() is None:
                        process.kill()
        finally:
            os.close(master)
        self._keep()
        return process.returncode

    def type(self, line: str) -> None:
        """A command line as a shell shows it."""
        self.show(f"\x1b[32m$\x1b[0m {line}")

    def show(self, text: str) -> None:
        """A line that a shell would print."""
        self._write(f"{text}\r\n".encode())
        self._keep()

    def _watch(self, master: int, interrupt_when: Optional[Callable[[], bool]]) -> None:
        """Until the terminal's last user has gone."""
        last = deadline = time.monotonic()
        deadline += _PATIENCE
        while time.monotonic() < deadline:
            ready, _, _ = select.select([master], [], [], 0.05)
            if ready and not self._take(master):
                return
            if time.monotonic() >= last + _EVERY:
                last = time.monotonic()
                self._keep()
            if interrupt_when is not None and interrupt_when():
                os.write(master, b"\x03")
                interrupt_when = None
        raise SystemExit(f"recordings: wanted the program to end in {_PATIENCE:.0f} s, it still ran")

    def _take(self, master: int) -> bool:
        """False at the end, which Linux shows as EIO."""
        try:
            data = os.read(master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        typed, mark, rest = data.rpartition(_INTERRUPT)
        if mark:  # the terminal shows it until the program draws anew
            self._write(typed + mark)
            self._keep()
        self._write(rest)
        return bool(data)

    def _write(self, data: bytes) -> None:
        self._stream.feed(_COLOURED.sub(_visible, data))

    def _keep(self) -> None:
        """A frame of what stands there, unless it stood there before."""
        lines = tuple(_line(self._screen.buffer[row]) for row in range(ROWS))
        used = max((row + 1 for row, line in enumerate(lines) if line), default=0)
        frame = Frame(time.monotonic() - self._began, lines[:used])
        if not self.frames or self.frames[-1].lines != frame.lines:
            self.frames.append(frame)


def _visible(match: re.Match[bytes]) -> bytes:
    """pyte knows no faint letters: they become grey ones."""
    return b"\x1b[" + b";".join(b"90" if code == b"2" else code for code in match[1].split(b";")) + b"m"


def _line(cells: Dict[int, pyte.screens.Char]) -> Line:
    """A row of the screen in runs of one style, outer blanks left out."""
    shown: List[Tuple[int, str, str, bool, bool]] = []
    for column in range(COLUMNS):
        cell = cells[column]
        if cell.data:  # the second column of a wide character has none
            is_wide = column + 1 < COLUMNS and not cells[column + 1].data
            colour = "dim" if cell.fg == "brightblack" else cell.fg.replace("bright", "")
            shown.append((column, cell.data, colour, cell.bold, is_wide))
    runs = []
    for (colour, is_bold, is_wide, _), group in groupby(shown, lambda c: (c[2], c[3], c[4], c[1].isascii())):
        parts = list(group)
        text = "".join(part[1] for part in parts)
        left = len(text) - len(text.lstrip(" "))
        if text.strip(" "):
            runs.append(Run(parts[left][0], text.strip(" "), colour, is_bold, is_wide))
    return tuple(runs)


def _environment(home: Path, language: str) -> Dict[str, str]:
    """Nothing of ours but the interpreter's own paths."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "PYTHONIOENCODING": "utf-8",
        "DOCKFERRY_LANG": language,
        "DOCKFERRY_CONFIG": os.devnull,
    }
