"""Windows' rules: a pull needs no call that Windows lacks, and touches no name of a file that it has open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from support import windows
from support.command import environment
from support.images import make_image
from support.served import store_of

from dockferry import verify
from dockferry.errors import DiskError
from dockferry.serve import Running, serve
from dockferry.system.undisturbed import undisturbed

IMAGE = make_image([900_000, 0, 2_000_000], seed=8)
SIZE = sum(layer.size for layer in IMAGE.layers)


@pytest.fixture
def registry() -> Iterator[Running]:
    with serve(store_of(IMAGE), rate=4e6) as running:
        yield running


def start(running: Running, directory: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, windows.__file__, "pull", f"{running.host}/demo/app:1.0", "--progress", "none", *more]
    return subprocess.Popen(command, cwd=directory, env=environment(directory), stderr=subprocess.PIPE)


def end(process: subprocess.Popen[bytes]) -> None:
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told.decode()


@pytest.mark.parametrize("form", ["docker", "oci-dir"])
def test_killed_and_run_again(registry: Running, tmp_path: Path, form: str) -> None:
    """To its end, after a kill at half, and once more over what is there."""
    words = ["--format", form, "-o", "out"]
    with start(registry, tmp_path, *words) as first:
        while registry.sent < SIZE / 2:
            assert first.poll() is None
        first.kill()
    end(start(registry, tmp_path, *words))
    assert verify(tmp_path / "out", deep=True).layers == 3
    end(start(registry, tmp_path, *words, "--force"))
    assert not list(tmp_path.rglob("*.part"))
    assert not list(tmp_path.rglob("*journal*"))


def test_a_damaged_layer_is_replaced(registry: Running, tmp_path: Path) -> None:
    """It was open to be looked through; it is not when the fresh one takes its name."""
    words = ["--format", "oci-dir", "-o", "out"]
    end(start(registry, tmp_path, *words))
    layer = tmp_path / "out" / "blobs" / "sha256" / IMAGE.layers[0].digest.hex
    layer.write_bytes(bytes(IMAGE.layers[0].size))
    end(start(registry, tmp_path, *words))
    assert verify(tmp_path / "out", deep=True).layers == 3


def test_a_virus_scanner_is_waited_for() -> None:
    """It has a new file open for a moment: the change is made again until it goes through; other errors are told."""
    left = [32, 5]

    def change() -> None:
        if left:
            raise refusal(left.pop())

    undisturbed(change)
    assert left == []
    with pytest.raises(PermissionError):
        undisturbed(lambda: (_ for _ in ()).throw(refusal(None)))


def test_a_file_in_use_is_told_as_that() -> None:
    """And not as a place where one may not write."""
    assert "another program has it open" in str(DiskError.of("rename to", "a.tar", refusal(32)))


def refusal(code: object) -> PermissionError:
    """As Windows' own: with its code in `winerror`."""
    error = PermissionError(13, "Access is denied")
    error.winerror = code  # type: ignore[attr-defined]
    return error
