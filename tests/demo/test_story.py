"""The demonstration from end to end, with the real command line as its child."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Iterator, List

import pytest

from dockferry.demo import demo
from dockferry.demo.child import run
from dockferry.errors import DiskError, DockferryError
from dockferry.system.children import INTERRUPTED

SIZE, RATE = 20_000_000, 1_000_000


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[List[str]]:
    """What one small demonstration tells; its directory stands first."""
    directory = tmp_path_factory.mktemp("demo")
    (directory / "dockferry-demo.tar").write_text("from an earlier time")
    (directory / "other.tar").write_text("not ours")
    lines = [str(directory)]
    demo(directory, size=SIZE, rate=RATE, tell=lines.append)
    return lines


def test_demonstration_does_what_it_says(told: List[str]) -> None:
    """Interrupted, resumed, verified: only the archive is left, and what an earlier time left is gone."""
    directory = Path(told[0])
    assert sorted(path.name for path in directory.iterdir()) == ["dockferry-demo.tar", "other.tar"]
    assert SIZE < (directory / "dockferry-demo.tar").stat().st_size < SIZE * 1.01
    assert (directory / "other.tar").read_text() == "not ours"


def test_demonstration_tells_its_figures(told: List[str]) -> None:
    """Each step names its command, and the sums that the registry counted are shown."""
    story = "\n".join(told)
    for words in ("one connection alone would need 20 s", "$ dockferry pull", "exit code 130", "together", "--deep"):
        assert words in story
    assert "docker load -i" in story


def test_child_gives_its_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    """The child is the real command line, on this terminal."""
    assert run(["--version"], lambda: False, 60) == 0
    assert capfd.readouterr().out.startswith("dockferry ")
    assert run(["nonsense"], lambda: False, 60) == 2
    assert "nonsense" in capfd.readouterr().err


def test_child_that_hangs_is_ended(tmp_path: Path) -> None:
    """A child past its limit is stopped and said to be."""
    with pytest.raises(DockferryError, match="still ran"):
        run(["--version"], lambda: False, 0)


def test_interrupt_reaches_a_background_job(tmp_path: Path) -> None:
    """A shell's background job ignores interrupts and its children inherit that: the demonstration's do not."""
    script = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from pathlib import Path\n"
        "from dockferry.demo import demo\n"
        f"demo(Path({str(tmp_path)!r}), size=4_000_000, rate=400_000)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert f"exit code {INTERRUPTED[0]}" in done.stdout


def test_directory_that_cannot_be(tmp_path: Path) -> None:
    """A file in the directory's place is a disk error that names it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="file"):
        demo(tmp_path / "file", size=1_000)
