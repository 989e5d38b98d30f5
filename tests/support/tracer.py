"""The kernel's tracer: `dockferry` as a child whose Nth system call of a kind fails, or is where it is killed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence

from .command import environment
from .require import require

CALLS = {
    "pwrite": ("pwrite64",),
    "write": ("write",),
    "fsync": ("fsync",),
    "fdatasync": ("fdatasync",),
    "rename": ("rename", "renameat", "renameat2"),
    "link": ("link", "linkat"),
    "unlink": ("unlink", "unlinkat"),
    "rmdir": ("rmdir",),
    "mkdir": ("mkdir", "mkdirat"),
    "ftruncate": ("ftruncate",),
    "fallocate": ("fallocate",),
}
"""What is one call to us has several names, and not every machine has them all."""

_PIECE = re.compile(r"^(\d+) +pwrite64\(\d+<[^>]*>, .*, \d+, \d+\) = (\d+)$")


@dataclass(frozen=True)
class Traced:
    """How a traced run ended; `fetched`: bytes of layers that it had put into files, by the kernel's word.

    `is_hit`: something was injected; a kill is told by the code.
    """

    code: int
    stdout: str
    stderr: str
    fetched: int
    is_hit: bool

    @property
    def is_killed(self) -> bool:
        return self.code == -signal.SIGKILL


def traced(directory: Path, argv: Sequence[str], call: str, what: str, only: Sequence[str] = ()) -> Traced:
    """Run `dockferry` in `directory`; `call`s end as `what` says, `signal=KILL:when=3` for one.

    strace counts each thread's calls by themselves: the Nth call is that of the thread which comes to N first.
    `only`: just the calls that touch these paths.
    """
    log = directory.with_name(directory.name + ".strace")
    names = ",".join(f"?{name}" for name in CALLS[call])
    strace = [require("strace"), "-f", "-qq", "-y", "-s", "0", "-o", str(log)]
    if "signal" not in what:
        strace.append("--seccomp-bpf")  # other calls cost nothing; but with it no signal is sent
    strace += ["-e", f"trace=execve,?pwrite64,{names}", "-e", f"inject={names}:{what}"]
    for path in only:
        strace += ["-P", path]
    done = subprocess.run(
        [*strace, sys.executable, "-m", "dockferry", *argv],
        cwd=directory,
        env={**environment(directory), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = log.read_text().splitlines()
    is_hit = any(line.endswith("(INJECTED)") for line in lines)
    return Traced(done.returncode, done.stdout, done.stderr, _fetched(lines), is_hit)


def _fetched(lines: List[str]) -> int:
    """What threads other than the first wrote: those bring layers, the first writes what is known before."""
    found = [match for match in map(_PIECE.match, lines) if match]
    first = lines[0].split()[0]
    return sum(int(match.group(2)) for match in found if match.group(1) != first)
