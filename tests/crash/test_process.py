"""What happens to the process and around it while it works: stopped, short of descriptors, its files moved away."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterator, Set

import pytest
from support.child import child, wait_for
from support.command import Command, environment
from support.images import make_image
from support.served import store_of
from support.sweeps import FORMATS, IMAGE, SIZE, again, argv, contents

import dockferry as package
from dockferry.serve import Running, serve


@pytest.fixture
def slow() -> Iterator[Running]:
    """The image at 2 MB/s for each connection."""
    with serve(store_of(IMAGE), rate=2e6) as running:
        yield running


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.row(46)
def test_a_target_that_appears_meanwhile_stays(
    image_registry: Running, slow: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, format: str
) -> None:
    """Exit 7 with one line; nothing of it is touched, and what was fetched is kept for another try."""
    with child(tmp_path, *argv(slow, format)) as process:
        wait_for(lambda: slow.sent > SIZE // 4, process)
        if format == "docker":
            (tmp_path / "out").write_text("mine")
        else:
            (tmp_path / "out" / "index.json").write_text("mine")
        _, said = process.communicate(timeout=60)
    assert process.returncode in (6, 7), said
    assert said.count("\n") == 1
    mine = tmp_path / "out" if format == "docker" else tmp_path / "out" / "index.json"
    assert mine.read_text() == "mine"
    mine.unlink()
    assert again(image_registry, tmp_path, format, []) == 0
    assert contents(tmp_path) == wanted[format]


@pytest.mark.parametrize("format", FORMATS)
def test_a_directory_that_goes_away_meanwhile(
    image_registry: Running, slow: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, format: str
) -> None:
    """One line and exit 7, not a crash and not a success; made again, the same command ends well."""
    place = tmp_path / "place"
    place.mkdir()
    command = [word if word != "out" else "place/out" for word in argv(slow, format)]
    with child(tmp_path, *command) as process:
        wait_for(lambda: slow.sent > SIZE // 4, process)
        shutil.rmtree(place)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 7, said
    assert said.count("\n") == 1
    assert not place.exists()
    place.mkdir()
    again(image_registry, place, format, [])
    assert contents(place) == wanted[format]


PATIENT = """
import sys
from dockferry import pull
from dockferry.registry.access import Access
pull(sys.argv[1], mirrors=[sys.argv[2]], output="out", threads=2, access=Access(idle_timeout=0.5))
"""


def test_stopped_for_longer_than_the_idle_timeout(
    slow: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path
) -> None:
    """SIGSTOP, a pause of four idle timeouts, SIGCONT: it goes on and ends equal, with few bytes twice."""
    mirror = f"http://{slow.host}"
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT, argv(slow, "docker")[1], mirror],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: slow.sent > SIZE // 4, process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 0, said
    assert contents(tmp_path) == wanted["docker"]
    assert slow.sent < SIZE * 2


BIG = make_image([12_000_000], seed=22)


@pytest.mark.skipif(os.name == "nt", reason="there is no such limit on Windows")
@pytest.mark.parametrize("limit", [10, 14, 20, 28])
@pytest.mark.row(52)
def test_few_file_descriptors(dockferry: Command, tmp_path: Path, limit: int) -> None:
    """Twenty connections are asked for and cannot be had: it is done with those that can."""
    with serve(store_of(BIG), rate=2e6) as running:
        done = Command(tmp_path, files=limit, timeout=60)(*argv(running, "docker", threads=20))
    assert done.code == 0, done.stderr
    assert dockferry("verify", "--deep", "out").code == 0


@pytest.mark.row(52)
def test_too_few_file_descriptors(image_registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """Where not even the files can be opened, one line says what to raise; and after that it is done."""
    done = Command(tmp_path, files=9, timeout=60)(*argv(image_registry, "oci-dir"))
    assert done.code == 7, done.stderr
    assert done.stderr.count("\n") == 1
    assert "raise the limit of open files (ulimit -n)" in done.stderr
    assert dockferry(*argv(image_registry, "oci-dir")).code == 0
    assert dockferry("verify", "--deep", "out").code == 0


@pytest.mark.row(32)
def test_no_decision_hangs_on_the_time_of_day() -> None:
    """A clock that is set, forward or back, changes nothing: it dates log lines, and reads a server's date.

    That one, of when to come back (Retry-After), is bounded like any other wait (tests/registry/test_judge.py).
    """
    of_the_day = {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "now", "utcnow", "today"}
    found: Dict[str, Set[str]] = {}
    for path in Path(str(package.__file__)).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                module = node.func.value
                if isinstance(module, ast.Name) and module.id in ("time", "datetime", "date"):
                    found.setdefault(node.func.attr, set()).add(path.name)
            elif isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime"):
                assert [name.name for name in node.names] == ["timezone"], path
    assert {name: places for name, places in found.items() if name in of_the_day} == {
        "time": {"session.py", "blobs.py"},
        "strftime": {"logfile.py"},
        "localtime": {"logfile.py"},
    }
