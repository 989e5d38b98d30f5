"""Programs that serve a test: started in a directory of their own, waited for by condition, ended by their pid."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence

START_SECONDS = 60.0
_PATIENCE = 15.0


class Daemon:
    """A running program: `pid`, and `log`, the file that takes its stdout and stderr."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self.log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, is_ready: Callable[[], bool], what: str) -> None:
        """Returns once `is_ready()`; fails, showing the end of the log, if the program ends or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                how = f"ended with {self._process.returncode}" if ended else f"was not ready in {START_SECONDS:.0f} s"
                raise AssertionError(f"{what} {how}:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])

    def end(self) -> None:
        """SIGTERM, then SIGKILL; returns when the program is gone."""
        for ask in (self._process.terminate, self._process.kill):
            ask()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
                return
        self._process.wait(_PATIENCE)


@contextlib.contextmanager
def daemon(argv: Sequence[str], log: Path, env: Optional[Dict[str, str]] = None) -> Iterator[Daemon]:
    """`argv` running in a session of its own, ended on the way out. It dies with us where setpriv is installed."""
    leash = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*leash, *argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    running = Daemon(process, log)
    try:
        yield running
    finally:
        running.end()


def run(*argv: str, stdin: str = "", env: Optional[Dict[str, str]] = None, timeout: float = 90) -> str:
    """What a program that must succeed prints on stdout."""
    done = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def workspace(name: str) -> Iterator[Path]:
    """A temporary directory from which nothing survives.

    Its name is short (socket paths have 107 bytes) and plain (containerd takes it as a namespace).
    On the way out processes that still name it are ended and mounts below it are undone: its name is unique, so
    they are ours.
    """
    directory = Path(tempfile.gettempdir()).resolve() / f"ferry-{name}-{secrets.token_hex(6)}"
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        for pid in processes_of(directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for mount in mounts_below(directory):
            run("umount", "--lazy", str(mount))
        shutil.rmtree(directory)


def processes_of(directory: Path) -> List[int]:
    """The processes (Linux) whose arguments name `directory`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(directory) in (entry / "cmdline").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def mounts_below(directory: Path) -> List[Path]:
    """The mount points (Linux) below `directory`, deepest first."""
    table = Path("/proc/self/mounts")
    points = [Path(line.split()[1]) for line in table.read_text().splitlines()] if table.exists() else []
    return sorted((point for point in points if directory in point.parents), reverse=True)


def free_port() -> int:
    """A loopback port nobody listens on: for programs that cannot say which port they were given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
