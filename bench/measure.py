"""Measure: one run of a program, from the outside: time, CPU, memory, bytes written; and the middle of several."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Sequence

LIMIT = 900.0
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Sample:
    """`cpu` is user and system seconds of the program and its children; `rss` its peak in bytes.

    `written` is what it gave to write calls (wchar of /proc/PID/io: files and pipes, before any cache), None where
    there is no such count. `killed` says that it was ended by us, as asked.
    """

    seconds: float
    cpu: float
    rss: int
    written: Optional[int]
    killed: bool = False


class Failed(Exception):
    """The program did not do what it was run for."""


def run(command: Sequence[str], folder: Path, kill_when: Callable[[], bool] = lambda: False) -> Sample:
    """Run `command` in `folder`, its output in a log there. SIGKILL when `kill_when` says so. Raises Failed."""
    os.sync()  # what others wrote is not to be paid for by this one
    log_path = folder / "log"
    with open(log_path, "wb") as log:
        began = time.perf_counter()
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        killed = _wait_exited(child, kill_when)
        took = time.perf_counter() - began
        written = _written(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    if child.returncode != 0 and not killed:
        tail = log_path.read_text(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"{command[0]} exited with {child.returncode}: {' '.join(tail)[:200]}")
    return Sample(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _RSS_UNIT, written, killed)


def _wait_exited(child: subprocess.Popen[bytes], kill_when: Callable[[], bool]) -> bool:
    """Until it has exited, without reaping it, for its figures go with it; True if it was killed as asked."""
    deadline = time.monotonic() + LIMIT
    killed = False
    while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if not killed and kill_when():
            child.kill()
            killed = True
        if time.monotonic() > deadline:
            child.kill()
            child.wait()
            raise Failed(f"{child.args!r} still ran after {LIMIT:.0f} s")
        time.sleep(0.002)
    return killed


def _written(pid: int) -> Optional[int]:
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("wchar:")), None)


def own_rss() -> int:
    """Our peak: a child's peak is never reported below it, since it begins as a copy of us."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def median(values: Sequence[Optional[float]]) -> Optional[float]:
    """The median of those that are there, None if there is none."""
    there: List[float] = [value for value in values if value is not None]
    return statistics.median(there) if there else None
