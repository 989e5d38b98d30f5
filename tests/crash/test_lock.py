"""The lock of a target: one holder, whoever comes, is killed or leaves at whatever instant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Sequence

import pytest
from support.command import environment
from support.require import require

from dockferry.system import lock
from dockferry.system.lock import only_one

WAYS = ["by_flock", "by_library"]
"""Of `only_one`: the one here, and Windows'."""

HOLD = """
import sys
from pathlib import Path
from dockferry.system import lock
try:
    with getattr(lock, sys.argv[1])(Path("lock")):
        print("held", flush=True)
        sys.stdin.read()
except BlockingIOError:
    print("refused", flush=True)
"""


def start(place: Path, wrapper: Sequence[str] = (), way: str = "only_one") -> subprocess.Popen[str]:
    """A process that wants the lock, says how it went, and holds it until its input ends."""
    return subprocess.Popen(
        [*wrapper, sys.executable, "-c", HOLD, way],
        cwd=place,
        env=environment(place),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.row(50)
@pytest.mark.parametrize("way", WAYS)
def test_one_holder_and_no_leavings(tmp_path: Path, way: str) -> None:
    """A second is refused while there is a first, and not after; the file goes with the last."""
    only_one = getattr(lock, way)
    with only_one(tmp_path / "lock"):
        with start(tmp_path, way=way) as second:
            assert said(second) == "refused"
        with pytest.raises(BlockingIOError), only_one(tmp_path / "lock"):
            pass
        assert (tmp_path / "lock").exists()
    with start(tmp_path, way=way) as third:
        assert said(third) == "held"
        third.communicate("")
    assert not (tmp_path / "lock").exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_holder_is_in_nobodys_way(tmp_path: Path, way: str) -> None:
    """The file that it left is taken over."""
    with start(tmp_path, way=way) as first:
        assert said(first) == "held"
        first.send_signal(signal.SIGKILL)
    assert (tmp_path / "lock").exists()
    with getattr(lock, way)(tmp_path / "lock"):
        pass
    assert not (tmp_path / "lock").exists()


@pytest.mark.parametrize("third_comes", [True, False])
def test_a_lock_on_a_file_without_a_name_is_none(tmp_path: Path, third_comes: bool) -> None:
    """It was opened just before its holder removed it: refused if a third has the new one, else locked anew."""
    slow = [require("strace"), "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock"]
    slow += ["-e", "inject=flock:delay_enter=1500000:when=1"]
    path = tmp_path / "lock"
    with start(tmp_path, slow) as second:
        try:
            with only_one(path):
                wait_until_opened(path, second)
            assert not path.exists()
            if third_comes:
                with only_one(path):
                    assert said(second) == "refused"
            else:
                assert said(second) == "held"
                assert path.exists()
        finally:
            second.communicate("")


def wait_until_opened(path: Path, tracer: subprocess.Popen[str]) -> None:
    """Until the child of `tracer` has `path` open: Linux tells."""
    deadline = time.monotonic() + 30
    children = Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children")
    while time.monotonic() < deadline:
        for child in children.read_text().split():
            for link in Path(f"/proc/{child}/fd").iterdir():
                try:
                    if os.readlink(link) == str(path):
                        return
                except OSError:
                    continue
        time.sleep(0.01)
    raise AssertionError("it did not come to open the lock")
