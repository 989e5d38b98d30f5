"""SIGKILL at the Nth write, rename, sync … of a pull, N = 1, 2, 3 … until a run ends unharmed: nothing is lost.

Each kill comes as the call begins, so the disk is as the call before left it; the last point of a sweep is a run to
the end.
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest
from support.images import make_image
from support.require import require
from support.served import store_of
from support.tracer import CALLS, Traced, traced

from dockferry import pull
from dockferry.events import Event, Finished
from dockferry.serve import Running, serve
from dockferry.transfer.worker import BUFFER
from dockferry.usecases.verify import verify

IMAGE = make_image([1_300_000, 0, 600_000, 2_000_000], seed=21)
SIZE = sum(layer.size for layer in {layer.digest: layer for layer in IMAGE.layers}.values())
NAME = "registry.example:5000/demo/app:1.0"
FORMATS = ["docker", "oci-dir"]
MOST = 60
"""Points in one sweep: more would mean that no kill ever comes."""


@pytest.fixture(scope="module")
def registry() -> Iterator[Running]:
    require("strace")
    with serve(store_of(IMAGE)) as running:
        yield running


@pytest.fixture(scope="module")
def wanted(registry: Running, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Dict[str, bytes]]:
    """What an undisturbed pull leaves, for each format."""
    found = {}
    for format in FORMATS:
        place = tmp_path_factory.mktemp(format)
        again(registry, place, format)
        found[format] = contents(place)
    return found


def contents(place: Path) -> Dict[str, bytes]:
    """All files below `place`, by name."""
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def argv(registry: Running, format: str) -> List[str]:
    options = ["-o", "out", "--format", format, "-t", "1", "--progress", "none"]
    return ["pull", NAME, "-r", f"http://{registry.host}", *options]


def again(registry: Running, place: Path, format: str) -> int:
    """The same command once more, in this process: how many bytes it had to fetch."""
    events: List[Event] = []
    mirrors = [f"http://{registry.host}"]
    pull(NAME, mirrors=mirrors, output=place / "out", format=format, threads=1, on_event=events.append)
    return next(event.received for event in events if isinstance(event, Finished))


def sweep(place: Path, start: Callable[[Path], object], run: Callable[[int, Path], bool]) -> int:
    """`run(N, directory)` in directories that `start` made, until one says that nothing was hit; how many hit."""
    with ThreadPoolExecutor(2) as pool:
        for first in range(1, MOST, 2):
            points = []
            for number in (first, first + 1):
                directory = place / str(number)
                start(directory)
                points.append(pool.submit(run, number, directory))
            hits = [point.result() for point in points]
            if not all(hits):
                return first - 1 + hits.index(False)
    raise AssertionError(f"no run ended in {MOST} points")


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
    received = again(registry, place, format)
    assert contents(place) == wanted, where
    runs = 2 if before else 1
    lost = before + run.fetched + received - SIZE
    assert 0 <= lost <= runs * BUFFER, f"{where}: {lost} bytes fetched twice"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("call", sorted(CALLS))
def test_killed_at_every_call(
    registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, call: str, format: str
) -> None:
    """A first run is killed at each call of a kind: the next run ends equal, and fetches again at most one buffer."""

    def run(number: int, place: Path) -> bool:
        ended = traced(place, argv(registry, format), call, f"signal=KILL:when={number}")
        check(registry, place, format, ended, 0, wanted[format], f"{call} {number}")
        return ended.is_killed

    hits = sweep(tmp_path, Path.mkdir, run)
    assert hits or (call, format) in NEVER, f"no {call} was made"


NEVER = {("link", "oci-dir"), ("rmdir", "docker")}
"""Calls that a format does without."""


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("call", ["pwrite", "write", "fsync", "fdatasync", "rename", "link", "unlink", "rmdir"])
def test_a_resume_killed_at_every_call(
    registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, call: str, format: str
) -> None:
    """A second run, going on from where a first was killed, is killed at each call too: the third ends equal."""
    half = tmp_path / "half"
    half.mkdir()
    first = traced(half, argv(registry, format), "write", "signal=KILL:when=5")
    assert first.is_killed
    assert 0 < first.fetched < SIZE

    def run(number: int, place: Path) -> bool:
        ended = traced(place, argv(registry, format), call, f"signal=KILL:when={number}")
        check(registry, place, format, ended, first.fetched, wanted[format], f"{call} {number} of a resume")
        return ended.is_killed

    hits = sweep(tmp_path, lambda place: shutil.copytree(half, place), run)
    assert hits or (call, format) in NEVER, f"no {call} was made"
