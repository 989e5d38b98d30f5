"""A failing disk at the Nth call of a pull, N = 1, 2, 3 …: one line, exit 7, and the same command goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from support.require import require
from support.sweeps import FORMATS, SIZE, again, argv, contents, sweep
from support.tracer import traced

from dockferry.serve import Running
from dockferry.transfer.worker import BUFFER
from dockferry.usecases.verify import verify

FAULTS = [
    ("docker", "pwrite", "ENOSPC"),
    ("docker", "write", "ENOSPC"),
    ("docker", "fsync", "EIO"),
    ("docker", "fdatasync", "EIO"),
    ("docker", "rename", "EIO"),
    ("docker", "link", "ENOSPC"),
    ("docker", "unlink", "EIO"),
    ("docker", "ftruncate", "EIO"),
    ("docker", "fallocate", "ENOSPC"),
    ("oci-dir", "pwrite", "EIO"),
    ("oci-dir", "fsync", "EIO"),
    ("oci-dir", "fdatasync", "ENOSPC"),
    ("oci-dir", "rename", "EIO"),
    ("oci-dir", "mkdir", "ENOSPC"),
]


@pytest.fixture(scope="module", autouse=True)
def _strace() -> None:
    require("strace")


def journals(call: str, place: Path, format: str) -> List[str]:
    """Of `write` only those to the journal: others go to the terminal."""
    journal = place / ("out.part.journal" if format == "docker" else "out/.dockferry/journal")
    return [str(journal), f"{journal}.new"] if call == "write" else []


@pytest.mark.row(40, 41)
@pytest.mark.parametrize(("format", "call", "error"), FAULTS)
def test_every_call_fails_once(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, call: str, error: str, format: str
) -> None:
    """Exit 7 with one line, nothing half-done under the final name, what was had kept, and equal in the end.

    Only after a failed sync is what it did not reach fetched again.
    """

    def run(number: int, place: Path) -> bool:
        only = journals(call, place, format)
        ended = traced(place, argv(image_registry, format), call, f"error={error}:when={number}", only)
        where = f"{call} {number}: {ended.stderr}"
        final = place / "out"
        if ended.code == 0:
            assert contents(place) == wanted[format] or call == "unlink", where  # of the lock
        else:
            assert ended.code == 7, where
            assert ended.stderr.count("\n") == 1, where
            assert ended.stderr.startswith("dockferry: cannot "), where
        if format == "docker":
            assert not final.exists() or final.read_bytes() == wanted[format]["out"], where
        elif (final / "index.json").exists():
            assert verify(final, deep=True), where
        received = again(image_registry, place, format, [])
        assert contents(place) == wanted[format], where
        if call != "fdatasync" and not only:
            assert ended.fetched + received - SIZE <= BUFFER, f"{where} {received} fetched again"
        return ended.is_hit

    assert sweep(tmp_path, Path.mkdir, run) > 0


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("call", ["pwrite", "write"])
@pytest.mark.row(42)
def test_writes_that_take_nothing(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, call: str, format: str
) -> None:
    """Every second write, of data or of the journal, takes no byte and is made again: the run ends well."""
    place = tmp_path / "place"
    place.mkdir()
    ended = traced(place, argv(image_registry, format), call, "retval=0:when=1+2", journals(call, place, format))
    assert ended.is_hit
    assert ended.code == 0, ended.stderr
    assert contents(place) == wanted[format]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.row(41)
def test_what_a_failed_sync_left_is_not_believed(
    image_registry: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, format: str
) -> None:
    """The system may have dropped what it could not write, and shows it until it is needed: it is fetched again."""
    ended = traced(tmp_path, argv(image_registry, format), "fdatasync", "error=EIO:when=1")
    assert ended.code == 7
    assert "cannot sync" in ended.stderr
    assert again(image_registry, tmp_path, format, []) == SIZE
    assert contents(tmp_path) == wanted[format]
