"""Costs: `dockferry` as a child that works undisturbed, and what the kernel has counted of it when it is done."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import pytest

from dockferry.oci.digest import Digest
from dockferry.serve import Running

from .command import environment
from .images import MadeImage, assemble
from .require import unavailable

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="what is counted stands in Linux's /proc")
MIB = 1 << 20
NAME = "registry.example:5000/demo/app:1.0"
DOCKFERRY = ("-m", "dockferry")


@dataclass(frozen=True)
class Cost:
    """`read` and `written`: bytes by read and write calls, but for receives (rchar, wchar); `stored`: to a disk.

    `waits`: how often any thread went to sleep of its own accord; `main_waits`: the first one.
    """

    read: int
    written: int
    stored: int
    waits: int
    main_waits: int


def plain_image(*sizes: int, seed: int = 1) -> MadeImage:
    """An image whose layers are so many random bytes each, not compressed: made at once, however large."""
    rng = random.Random(seed)
    layers = [rng.getrandbits(8 * size).to_bytes(size, "little") for size in sizes]
    return assemble([(data, Digest.of(data)) for data in layers], settings={"Cmd": ["/bin/sh"]})


def documents(image: MadeImage) -> int:
    """Bytes of the manifest and the config."""
    return len(image.manifest) + image.config.size


def size_of(image: MadeImage) -> int:
    """Bytes of the layers."""
    return sum(layer.size for layer in image.layers)


def pull_args(running: Running, *more: str) -> List[str]:
    return ["pull", NAME, "-r", f"http://{running.host}", "-o", "a.tar", "--progress", "none", *more]


def quiet_environment(directory: Path) -> Dict[str, str]:
    """As the command line's, and no compiled module is written."""
    return {**environment(directory), "PYTHONDONTWRITEBYTECODE": "1"}


def cost_of(directory: Path, argv: Sequence[str], program: Sequence[str] = DOCKFERRY) -> Cost:
    """Run it in `directory`, to its good end."""
    log = directory.with_name(directory.name + ".log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *program, *argv],
            cwd=directory,
            env=quiet_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # not reaped: its counts go with it
            io, main_waits = io_of(process.pid), waits_of(process.pid)[process.pid]
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        finally:
            if process.returncode is None:
                process.kill()
                process.wait()
    assert process.returncode == 0, log.read_text()
    return Cost(io["rchar"], io["wchar"], io["write_bytes"], usage.ru_nvcsw, main_waits)


def waits_of(pid: int) -> Dict[int, int]:
    """By thread, of those that are there: how often it went to sleep of its own accord."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            fields = _fields((task / "status").read_text())
        except OSError:  # it has just ended
            continue
        found[int(task.name)] = int(fields["voluntary_ctxt_switches"])
    return found


def io_of(pid: int) -> Dict[str, int]:
    """The counts of /proc/PID/io, by name."""
    try:
        text = Path(f"/proc/{pid}/io").read_text()
    except OSError as error:
        unavailable(f"/proc/PID/io cannot be read: {error}")
    return {name: int(value) for name, value in _fields(text).items()}


def _fields(text: str) -> Dict[str, str]:
    pairs: List[Tuple[str, str, str]] = [line.partition(":") for line in text.splitlines()]
    return {name: value.strip() for name, _, value in pairs}
