"""System calls: `dockferry` as a traced child, and how many calls of which kind it made."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from .costs import quiet_environment
from .require import require

SLEEPS = ("nanosleep", "clock_nanosleep", "select", "pselect6", "sched_yield")
"""What a sleep of Python's is, by its version and the C library's, and what a thread that turns in circles calls."""
TRACED = (
    *("execve", "clone", "clone3", "connect", "sendto", "recvfrom", "poll", "ppoll", "futex"),
    *("read", "pread64", "preadv", "preadv2", "write", "pwrite64", "fsync", "fdatasync"),
    *SLEEPS,
)
_BEGUN, _FAILED = re.compile(r"^\d+ +(\w+)\("), re.compile(r" = -1 (E\w+) ")


@dataclass(frozen=True)
class Calls:
    """`made`: calls by name, of all threads; `failed`: those that failed, by the error's name."""

    made: Counter[str]
    failed: Counter[str]


def calls_of(directory: Path, argv: Sequence[str]) -> Calls:
    """Run `dockferry` in `directory`, to its good end."""
    log = directory.with_name(directory.name + ".strace")
    names = ",".join(f"?{name}" for name in TRACED)
    strace = [require("strace"), "-f", "-qq", "-s", "0", "--seccomp-bpf", "-e", f"trace={names}", "-o", str(log)]
    done = subprocess.run(
        [*strace, sys.executable, "-m", "dockferry", *argv],
        cwd=directory,
        env=quiet_environment(directory),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = log.read_text().splitlines()
    made = Counter(found.group(1) for found in map(_BEGUN.match, lines) if found)
    return Calls(made, Counter(found.group(1) for found in map(_FAILED.search, lines) if found))
