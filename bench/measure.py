"""Measure: one run of a program, from the outside: time, CPU, memory, bytes written; and the middle of several."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Callable, List, Mapping, Optional, Sequence, Tuple

from memory import touch

LIMIT = 900.0
LEAST_RSS = 7e6
"""Bytes: a peak below this is the launcher's, not the program's."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
_LAUNCHER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]
_LOOK_AGAIN = 0.002


@dataclass(frozen=True)
class Sample:
    """`cpu` is user and system seconds of the program and its children; `rss` its peak in bytes.

    `written` is what it gave to write calls (wchar of /proc/PID/io: files and pipes, before any cache), None where
    there is no such count. `killed` says that it was ended by us, as asked. `requests` and `sent` are what the server
    was asked, and its bytes of bodies, None where it does not tell.
    """

    seconds: float
    cpu: float
    rss: int
    written: Optional[int]
    killed: bool = False
    requests: Optional[int] = None
    sent: Optional[int] = None


class Failed(Exception):
    """The program did not do what it was run for."""


def run(
    command: Sequence[str],
    folder: Path,
    *,
    room: int = 0,
    environ: Optional[Mapping[str, str]] = None,
    kill_when: Optional[Callable[[], bool]] = None,
) -> Sample:
    """Run `command` in `folder`, its output in a log there. SIGKILL when `kill_when` says so. Raises Failed.

    Before that whatever others wrote is synced, and `room` bytes of memory are touched and given back (see
    `memory.py`), since neither is to be paid for by this run: without that the same pull took 1.7 s or 4.3 s on one
    virtual machine. `environ` is added to our own environment.
    """
    os.sync()
    touch(room)
    log_path = folder / "log"
    with open(log_path, "wb") as log:
        sample, code = _launched(command, folder, log, {**os.environ, **(environ or {})}, kill_when)
    if code != 0 and not sample.killed:
        tail = log_path.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"{Path(command[0]).name} exited with {code}: {' '.join(tail)[:200]}")
    return sample


def _launched(
    command: Sequence[str],
    folder: Path,
    log: BinaryIO,
    environ: Mapping[str, str],
    kill_when: Optional[Callable[[], bool]],
) -> Tuple[Sample, int]:
    """By the launcher; with the exit code, negative for a signal."""
    ours, its = os.pipe()
    with open(ours, "rb", buffering=0) as report:  # else a line could be where select does not look
        try:
            launcher = subprocess.Popen(
                [*_LAUNCHER, str(its), *command],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[its],
            )
        finally:
            os.close(its)
        with launcher:
            child = int(report.readline())
            killed = _wait_reported(report, child, command, kill_when)
            took, cpu, rss, written, status = report.readline().split()
    code = os.WEXITSTATUS(int(status)) if os.WIFEXITED(int(status)) else -os.WTERMSIG(int(status))
    there = int(written) if int(written) >= 0 else None
    return Sample(float(took), float(cpu), int(rss) * _RSS_UNIT, there, killed), code


def _wait_reported(
    report: FileIO, child: int, command: Sequence[str], kill_when: Optional[Callable[[], bool]]
) -> bool:
    """Until the launcher has more to say; True if the child was killed as asked. Raises Failed after `LIMIT`."""
    deadline = time.monotonic() + LIMIT
    killed = False
    while not select.select([report], [], [], _LOOK_AGAIN if kill_when and not killed else 1.0)[0]:
        is_late = time.monotonic() > deadline
        if is_late or (kill_when and not killed and kill_when()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            killed = True
        if is_late:
            raise Failed(f"{command!r} still ran after {LIMIT:.0f} s")
    return killed


def median(values: Sequence[Optional[float]]) -> Optional[float]:
    """The median of those that are there, None if there is none."""
    there: List[float] = [value for value in values if value is not None]
    return statistics.median(there) if there else None
