"""SIGKILL at the Nth write, rename, sync … of a pull, N = 1, 2, 3 … until a run ends unharmed: nothing is lost.

Each kill comes as the call begins, so the disk is as the call before left it. The last run of a sweep is a whole one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from support.require import require
from support.sweeps import FORMATS, SIZE, again, argv, contents, sweep
from support.tracer import Traced, traced

from dockferry.serve import Running
from dockferry.transfer.worker import BUFFER
from dockferry.usecases.verify import verify

FIRST = {
    "docker": ["pwrite", "write", "fsync", "fdatasync", "rename", "link", "unlink", "ftruncate", "fallocate"],
    "oci-dir": ["fsync", "fdatasync", "rename", "unlink", "mkdir", "rmdir"],
}
RESUMED = {"docker": ["pwrite", "write"], "oci-dir": ["write", "rename"]}
"""The calls of each format that change the disk in a way of their own: all of the archive's, most of a layout's."""


def pairs(calls: Dict[str, List[str]]) -> List[Tuple[str, str]]:
    return [(format, call) for format in FORMATS for call in calls[format]]


@pytest.fixture(scope="module", autouse=True)
def _strace() -> None:
    require("strace")


def check(
    registry: Running, place: Path, format: str, run: Traced, before: int, wanted: Dict[str, bytes], where: str
) -> None:
    """After a kill: nothing half-done has the final name, and the same command ends well, with few bytes again."""
    assert run.is_killed or run.code == 0, f"{where}: {run.code} {run.stderr}"
    final = place / "out"
    if format == "docker":
        assert not final.exists() or final.read_bytes() == wanted["out"], where
    elif (final / "index.json").exists():
        assert verify(final, deep=True), where
    received = again(registry, place, format, [])
    assert contents(place) == wanted, where
    twice = before + run.fetched + received - SIZE
    assert 0 <= twice <= (2 if before else 1) * BUFFER, f"{where}: {twice} bytes fetched twice"


@pytest.mark.row(47)
@pytest.mark.parametrize(("format", "call"), pairs(FIRST))
def test_killed_at_every_call(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, call: str, format: str
) -> None:
    """A first run is killed at each call of a kind: the next run ends equal, and fetches again at most one buffer."""

    def run(number: int, place: Path) -> bool:
        ended = traced(place, argv(image_registry, format), call, f"signal=KILL:when={number}")
        check(image_registry, place, format, ended, 0, wanted[format], f"{call} {number}")
        return ended.is_killed

    assert sweep(tmp_path, Path.mkdir, run) > 0


@pytest.mark.row(48)
@pytest.mark.parametrize(("format", "call"), pairs(RESUMED))
def test_a_resume_killed_at_every_call(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, call: str, format: str
) -> None:
    """A second run, going on from where a first was killed, is killed at each call too: the third ends equal."""
    half = tmp_path / "half"
    half.mkdir()
    first = traced(half, argv(image_registry, format), "write", "signal=KILL:when=5")
    assert first.is_killed
    assert 0 < first.fetched < SIZE

    def run(number: int, place: Path) -> bool:
        ended = traced(place, argv(image_registry, format), call, f"signal=KILL:when={number}")
        check(image_registry, place, format, ended, first.fetched, wanted[format], f"{call} {number} of a resume")
        return ended.is_killed

    assert sweep(tmp_path, lambda place: shutil.copytree(half, place), run) > 0


def test_an_overwrite_killed_at_every_rename(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path
) -> None:
    """With --force the file that is there stays whole until the new one, whole, takes its name."""

    def start(place: Path) -> None:
        place.mkdir()
        (place / "out").write_bytes(b"mine")

    def run(number: int, place: Path) -> bool:
        command = [*argv(image_registry, "docker"), "--force"]
        ended = traced(place, command, "rename", f"signal=KILL:when={number}")
        assert (place / "out").read_bytes() == (b"mine" if ended.is_killed else wanted["docker"]["out"])
        (place / "out").write_bytes(b"mine")
        assert traced(place, command, "rename", "error=EIO:when=3").code == 0
        assert contents(place) == wanted["docker"]
        return ended.is_killed

    assert sweep(tmp_path, start, run) == 2


def test_what_is_not_ours_to_tidy_stays(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path
) -> None:
    """Beside a finished archive: another image's unfinished file is kept with its journal, a dead lock is not."""
    again(image_registry, tmp_path, "docker", [])
    for name in ("out.part", "out.part.journal", "out.part.lock"):
        (tmp_path / name).write_bytes(b"another's")
    assert again(image_registry, tmp_path, "docker", []) == 0
    left = {**wanted["docker"], "out.part": b"another's", "out.part.journal": b"another's"}
    assert contents(tmp_path) == left
