"""Kills, and a failing disk, at the Nth call of a pull into unpacked forms: nothing is lost, or half-done."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest
from support.require import require
from support.sweeps import IMAGE, NAME, SIZE, contents, sweep
from support.tracer import Traced, traced

from dockferry import pull
from dockferry.serve import Running
from dockferry.usecases.verify import verify

FORMS: Dict[str, Dict[str, Any]] = {
    "layers": {"format": "layers"},
    "docker-legacy": {"format": "docker-legacy"},
    "with layers": {"with_layers": True},
}
KILLS = [
    ("layers", "mkdir"),
    ("layers", "rename"),
    ("layers", "unlink"),
    ("layers", "fsync"),
    ("layers", "ftruncate"),
    ("docker-legacy", "link"),
    ("docker-legacy", "unlink"),
    ("docker-legacy", "rmdir"),
    ("docker-legacy", "ftruncate"),
    ("docker-legacy", "fdatasync"),
    ("with layers", "rename"),
    ("with layers", "link"),
    ("with layers", "unlink"),
]
FAULTS = [
    ("layers", "mkdir", "ENOSPC"),
    ("layers", "rename", "EIO"),
    ("layers", "pwrite", "ENOSPC"),
    ("docker-legacy", "pwrite", "ENOSPC"),
    ("docker-legacy", "fdatasync", "EIO"),
    ("with layers", "rename", "EIO"),
]


@pytest.fixture(scope="module", autouse=True)
def _strace() -> None:
    require("strace")


def argv(registry: Running, form: str) -> List[str]:
    chosen = ["--with-layers"] if form == "with layers" else ["--format", form]
    return ["pull", NAME, "-r", f"http://{registry.host}", "-o", "out", *chosen, "-t", "1", "--progress", "none"]


def again(registry: Running, place: Path, form: str) -> int:
    """The same in this process: how many bytes it had to fetch."""
    return pull(NAME, mirrors=[f"http://{registry.host}"], output=place / "out", threads=1, **FORMS[form]).received


@pytest.fixture(scope="module")
def undisturbed(image_registry: Running, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Dict[str, bytes]]:
    found = {}
    for form in FORMS:
        place = tmp_path_factory.mktemp(form.replace(" ", "-"))
        assert again(image_registry, place, form) == SIZE
        found[form] = contents(place)
    return found


def check(place: Path, form: str, wanted: Dict[str, bytes], where: str) -> None:
    """What has its final name is whole."""
    for name in ("out", "out_layers"):
        if (place / name).is_dir():
            inside = {one: data for one, data in wanted.items() if one.startswith(f"{name}/")}
            found = {f"{name}/{one}": data for one, data in contents(place / name).items()}
            assert found == inside, where
        elif (place / name).exists():
            assert (place / name).read_bytes() == wanted[name], where


@pytest.mark.parametrize(("form", "call"), KILLS)
def test_killed_at_every_call(
    image_registry: Running, undisturbed: Dict[str, Dict[str, bytes]], tmp_path: Path, form: str, call: str
) -> None:
    """The next run ends as one that was not disturbed, with nothing left beside it."""

    def run(number: int, place: Path) -> bool:
        ended = traced(place, argv(image_registry, form), call, f"signal=KILL:when={number}")
        finish(image_registry, place, form, ended, undisturbed[form], f"{call} {number}")
        return ended.is_killed

    assert sweep(tmp_path, Path.mkdir, run) > 0


@pytest.mark.parametrize(("form", "call", "error"), FAULTS)
def test_every_call_fails_once(
    image_registry: Running,
    undisturbed: Dict[str, Dict[str, bytes]],
    tmp_path: Path,
    form: str,
    call: str,
    error: str,
) -> None:
    """Exit 7 with one line, and the same command goes on."""

    def run(number: int, place: Path) -> bool:
        ended = traced(place, argv(image_registry, form), call, f"error={error}:when={number}")
        if ended.code:
            assert ended.code == 7, ended.stderr
            assert ended.stderr.count("\n") == 1, ended.stderr
            assert ended.stderr.startswith("dockferry: cannot "), ended.stderr
        finish(image_registry, place, form, ended, undisturbed[form], f"{call} {number}")
        return ended.is_hit

    assert sweep(tmp_path, Path.mkdir, run) > 0


def finish(registry: Running, place: Path, form: str, ended: Traced, wanted: Dict[str, bytes], where: str) -> None:
    check(place, form, wanted, where)
    received = again(registry, place, form)
    assert received == 0 or ended.code, where
    assert received <= SIZE, where
    assert contents(place) == wanted, where


def test_the_sweeps_image_has_what_it_takes(undisturbed: Dict[str, Dict[str, bytes]], tmp_path: Path) -> None:
    """Layers to be unpacked in several steps, and results that are proved."""
    path = tmp_path / "out"
    path.write_bytes(undisturbed["docker-legacy"]["out"])
    assert verify(path, deep=True).layers == len(IMAGE.layers)
    tree = [name for name in undisturbed["layers"] if name.endswith("layer.tar")]
    assert len(tree) == len(IMAGE.layers)
