"""A real terminal for a program: a pty of a given size; what the program drew there, and talking to it."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")


class Drawn(NamedTuple):
    """What a program wrote to its terminal, and how it ended."""

    code: int
    raw: str

    @property
    def text(self) -> str:
        """Without cursor movements and colours."""
        return _CONTROL.sub("", self.raw).replace("\r", "")

    @property
    def has_colour(self) -> bool:
        return _COLOUR.search(self.raw) is not None


def run_in_terminal(
    command: List[str],
    *,
    columns: int = 100,
    rows: int = 30,
    environment: Dict[str, str],
    directory: Optional[Path] = None,
) -> Drawn:
    """Runs `command` with a terminal as its three standard streams, to its end; no variable says how large it is."""
    own = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
    master, slave = os.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=own, cwd=directory) as process:
            os.close(slave)
            raw = _read_all(master)
        return Drawn(process.returncode, raw.decode())
    finally:
        os.close(master)


def _read_all(master: int) -> bytes:
    """To the end, which Linux shows as EIO when the last user of the terminal has gone."""
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_PATIENCE = 60.0


class Conversation:
    """A program on a terminal that is its own, so that Ctrl-C (`\\x03`) is a signal and Ctrl-D (`\\x04`) an end.

    A context manager; a program that still runs at the end is killed.
    """

    def __init__(
        self, command: List[str], *, environment: Dict[str, str], directory: Path, columns: int = 100, rows: int = 40
    ) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OWN_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )
        os.close(slave)
        self._raw = b""
        self._seen = 0

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(_PATIENCE)
        os.close(self._master)

    @property
    def shown(self) -> str:
        """All that was written so far, without what moves the cursor."""
        return Drawn(0, self._raw.decode(errors="replace")).text

    def hear(self, text: str) -> None:
        """Come back when `text` stands in what was written since what was heard last."""
        deadline = time.monotonic() + _PATIENCE
        while (place := self.shown.find(text, self._seen)) < 0:
            assert self._read(deadline - time.monotonic()), f"wanted {text!r}, got the end of:\n{self.shown}"
        self._seen = place + len(text)

    def say(self, text: str) -> None:
        """Type `text`, as it is."""
        os.write(self._master, text.encode())

    def answer(self, question: str, text: str) -> None:
        """Wait for `question`, type `text` and Enter."""
        self.hear(question)
        self.say(f"{text}\r")

    def interrupt(self) -> None:
        """Ctrl-C, and as a person does, once more where nothing comes of it: a signal that comes just before a wait
        begins does not end it.
        """
        for _ in range(10):
            self.say("\x03")
            if select.select([self._master], [], [], 2.0)[0]:
                return

    def end(self) -> Drawn:
        """Wait for the program's end."""
        deadline = time.monotonic() + _PATIENCE
        while self._read(deadline - time.monotonic()):
            pass
        return Drawn(self._process.wait(_PATIENCE), self._raw.decode(errors="replace"))

    def _read(self, seconds: float) -> bool:
        """Take what comes within `seconds`; False at the end. Fails where nothing comes."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, seconds))
        assert ready, f"nothing came any more after:\n{self.shown}"
        try:
            part = os.read(self._master, 65536)
        except OSError:  # how Linux shows the end
            return False
        self._raw += part
        return bool(part)
