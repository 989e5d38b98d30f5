"""Windows' rules: a pull needs no call that Windows lacks, and touches no name of a file that it has open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

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


def run(directory: Path, *words: str) -> subprocess.Popen[str]:
    """`dockferry`, at home in `directory`, on what it takes for Windows."""
    return subprocess.Popen(
        [sys.executable, windows.__file__, *words],
        cwd=directory,
        env=environment(directory),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start(running: Running, directory: Path, *more: str) -> subprocess.Popen[str]:
    return run(directory, "pull", f"{running.host}/demo/app:1.0", "--progress", "none", *more)


def end(process: subprocess.Popen[str], code: int = 0) -> str:
    """What it told on both streams, when it has ended with `code`."""
    out, told = process.communicate(timeout=60)
    assert process.returncode == code, told
    return out + told


@pytest.mark.parametrize("form", ["docker", "oci-dir", "docker-legacy"])
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


@pytest.mark.parametrize("words", [["--format", "layers", "-o", "out_layers"], ["--with-layers", "-o", "out.tar"]])
def test_a_tree_is_killed_and_run_again(registry: Running, tmp_path: Path, words: List[str]) -> None:
    """To its end, after a kill at half; and a spoilt one is replaced."""
    with start(registry, tmp_path, *words) as first:
        while registry.sent < SIZE / 2:
            assert first.poll() is None
        first.kill()
    end(start(registry, tmp_path, *words))
    layer = tmp_path / "out_layers" / IMAGE.layers[2].digest.short / "layer.tar"
    good = layer.read_bytes()
    layer.write_bytes(b"spoilt")
    end(start(registry, tmp_path, *words, "--force"))
    assert layer.read_bytes() == good
    assert not [path.name for path in tmp_path.rglob("*") if path.name.endswith((".part", ".old", "journal"))]


def test_a_damaged_layer_is_replaced(registry: Running, tmp_path: Path) -> None:
    """It was open to be looked through; it is not when the fresh one takes its name."""
    words = ["--format", "oci-dir", "-o", "out"]
    end(start(registry, tmp_path, *words))
    layer = tmp_path / "out" / "blobs" / "sha256" / IMAGE.layers[0].digest.hex
    layer.write_bytes(bytes(IMAGE.layers[0].size))
    end(start(registry, tmp_path, *words))
    assert verify(tmp_path / "out", deep=True).layers == 3


def test_every_command(registry: Running, tmp_path: Path) -> None:
    """One that reads an archive, that asks a registry, that shows where the settings are."""
    end(start(registry, tmp_path, "-o", "out.tar"))
    assert "out.tar" in end(run(tmp_path, "verify", "--deep", "out.tar"))
    assert str(IMAGE.layers[0].digest) in end(run(tmp_path, "inspect", "--json", "out.tar"))
    assert "1.0" in end(run(tmp_path, "tags", f"{registry.host}/demo/app"))
    assert "threads" in end(run(tmp_path, "config"))


def test_two_runs_on_one_target(registry: Running, tmp_path: Path) -> None:
    """The second is refused; a killed one is in nobody's way; the lock, the library's there, goes in the end."""
    with serve(store_of(IMAGE), rate=5e4) as slow, start(slow, tmp_path, "-o", "out.tar") as first:
        while not (tmp_path / "out.tar.part").exists():
            assert first.poll() is None
        assert "is being written by another run" in end(start(slow, tmp_path, "-o", "out.tar"), 7)
        first.kill()
    end(start(registry, tmp_path, "-o", "out.tar"))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.tar"]


@pytest.mark.parametrize("name", ["con", "Aux.tar", "nul.x.tar", "com1.tar", "LPT9"])
def test_a_device_is_no_target(registry: Running, tmp_path: Path, name: str) -> None:
    """What would go nowhere, or to a port, is refused before a byte is fetched."""
    assert f"wanted a file at {name}, got a special file" in end(start(registry, tmp_path, "-o", name), 7)
    assert registry.sent == 0


def test_names_of_devices_are_files_elsewhere(registry: Running, tmp_path: Path) -> None:
    """The same name is nothing special to Linux and macOS."""
    words = ["-m", "dockferry", "pull", f"{registry.host}/demo/app:1.0", "--progress", "none", "-o", "con.tar"]
    subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment(tmp_path), check=True)
    assert verify(tmp_path / "con.tar").kind == "hybrid"


@pytest.mark.parametrize(
    "broken",
    [
        'import os\nopen("held", "w")\nheld = open("held")\nos.replace("held", "other")',
        'import os\nheld = open("held", "w")\nos.unlink("held")',
        'import os\nos.open(".", os.O_RDONLY)',
        'import os\nos.mkdir("sha256:0")',
        'open("con.txt", "w")',
        'open("dot.", "w")',
        'import os\nos.pwrite(1, b"", 0)',
        "import fcntl",
        "import signal\nsignal.SIGHUP",
    ],
)
def test_the_rules_bite(tmp_path: Path, broken: str) -> None:
    """What Windows refuses fails here too, so that a pull that passes did without it."""
    rules = f"import sys\nsys.path.insert(0, {str(Path(windows.__file__).parent)!r})\n"
    rules += "import windows\nwindows.become_windows()\n"
    done = subprocess.run(
        [sys.executable, "-c", rules + broken],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"Error: " in done.stderr.splitlines()[-1]


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
