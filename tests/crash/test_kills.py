"""SIGKILL at the Nth write, rename, sync … of a pull, N = 1, 2, 3 … until a run ends unharmed: nothing is lost.

Each kill comes as the call begins, so the disk is as the call before left it. The last run of a sweep is a whole one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Dict

import pytest
from support.require import require
from support.sweeps import FORMATS, SIZE, again, argv, contents, sweep
from support.tracer import CALLS, Traced, traced

from dockferry.serve import Running
from dockferry.transfer.worker import BUFFER
from dockferry.usecases.verify import verify

NEVER = {("link", "oci-dir"), ("rmdir", "docker")}
"""Calls that a format does without."""


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


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("call", sorted(CALLS))
@pytest.mark.row(47)
def test_killed_at_every_call(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, call: str, format: str
) -> None:
    """A first run is killed at each call of a kind: the next run ends equal, and fetches again at most one buffer."""

    def run(number: int, place: Path) -> bool:
        ended = traced(place, argv(image_registry, format), call, f"signal=KILL:when={number}")
        check(image_registry, place, format, ended, 0, wanted[format], f"{call} {number}")
        return ended.is_killed

    assert sweep(tmp_path, Path.mkdir, run) or (call, format) in NEVER


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("call", ["pwrite", "write", "fsync", "fdatasync", "rename", "link", "unlink", "rmdir"])
@pytest.mark.row(48)
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

    assert sweep(tmp_path, lambda place: shutil.copytree(half, place), run) or (call, format) in NEVER
