"""The command line as a child that is interrupted, killed or raced while it works."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator, List, Sequence

from .command import environment

_PATIENCE = 60.0


@contextlib.contextmanager
def child(
    directory: Path, *argv: str, program: Sequence[str] = ("-m", "dockferry")
) -> Iterator[subprocess.Popen[str]]:
    """`dockferry`, or another `program` of Python's, running in `directory`; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *program, *argv],
        cwd=directory,
        env=environment(directory),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Come back when `condition()` holds; fails if the child ends first or it takes too long."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if process.poll() is not None:
            out, err = process.communicate()
            raise AssertionError(f"the child ended with {process.returncode}:\n{out}{err}")
        assert time.monotonic() < deadline, "the child did not get there"
        time.sleep(0.005)


def signal_when(
    condition: Callable[[], bool], directory: Path, argv: List[str], number: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """Run the child, send it `number` as soon as `condition()` holds, and give back how it ended."""
    with child(directory, *argv) as process:
        wait_for(condition, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=_PATIENCE)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)


@contextlib.contextmanager
def unanswered(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """A pull whose first request is on its way; the answer never comes."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with child(directory, "pull", f"{host}/a/b", "--progress", "none") as process:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                yield process
