"""A real terminal for a program: runs it on a pty of a given size and gives back what it drew."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import termios
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
    """Runs `command` with a terminal as its three standard streams, to its end."""
    master, slave = os.openpty()
    try:
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=directory
        ) as process:
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
