"""A log that begins anew when it is large, and loses no line whoever else writes to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from support.command import environment

from dockferry.cli.presenters.rotating import RotatingFile, put_away

WRITE = """
import sys
from dockferry.cli.presenters.rotating import RotatingFile
log = RotatingFile(sys.argv[1], limit=4000, kept=100)
print("ready", flush=True)
sys.stdin.readline()
for number in range(2000):
    log.line(f"{sys.argv[2]} {number}")
log.close()
"""


def written(folder: Path) -> List[str]:
    return [line for path in folder.glob("log*") for line in path.read_text(encoding="utf-8").splitlines()]


def test_it_begins_anew_when_it_is_large(tmp_path: Path) -> None:
    """While it is written, too: the youngest old one is `.1`, and so many are kept."""
    log = RotatingFile(str(tmp_path / "log"), limit=100, kept=2)
    for number in range(40):
        log.line(f"{number:09}")
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2"]
    assert (tmp_path / "log").read_text().splitlines()[-1] == "000000039"
    assert (tmp_path / "log.1").read_text().splitlines()[0] == "000000020"
    assert (tmp_path / "log.2").read_text().splitlines()[0] == "000000010"


def test_several_programs_lose_no_line(tmp_path: Path) -> None:
    """Four that write at once, and put the file away at every hundredth line or so."""
    command = [sys.executable, "-c", WRITE, str(tmp_path / "log")]
    home = environment(tmp_path)
    programs = [
        subprocess.Popen([*command, name], env=home, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for name in "abcd"
    ]
    for program in programs:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("go\n")
        program.stdin.flush()
    for program in programs:
        program.communicate(timeout=60)
        assert program.returncode == 0
    lines = written(tmp_path)
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abcd" for number in range(2000))
    away = list(tmp_path.glob("log.*"))
    assert len(away) >= 10
    assert all(path.stat().st_size >= 4000 for path in away)  # two that found it too large put it away once
    assert not (tmp_path / "log.lock").exists()


def test_who_writes_on_goes_to_the_new_file(tmp_path: Path) -> None:
    """Another run put it away: the next line stands where everybody looks."""
    path = tmp_path / "log"
    log = RotatingFile(str(path), limit=10_000)
    log.line("one")
    os.replace(path, tmp_path / "log.1")
    log.line("two")
    log.close()
    assert path.read_text() == "two\n"


def test_an_interrupted_putting_away_is_finished(tmp_path: Path) -> None:
    """Killed between two renames: nothing is lost, and the next run goes on."""
    path = tmp_path / "log"
    path.write_text("x" * 200)
    (tmp_path / "log.0").write_text("was to be .1")
    (tmp_path / "log.1").write_text("older")
    put_away(path, 100, 3)
    assert (tmp_path / "log.1").read_text() == "was to be .1"
    assert (tmp_path / "log.2").read_text() == "older"
    assert path.read_text() == "x" * 200  # its own turn comes with the next line
    put_away(path, 100, 3)
    assert (tmp_path / "log.1").read_text() == "x" * 200


def test_a_link_is_never_put_away(tmp_path: Path) -> None:
    """What it leads to is added to, and is its owner's to put away."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("x" * 200)
    link.symlink_to(file)
    log = RotatingFile(str(link), limit=100)
    log.line("more")
    log.line("still more")
    log.close()
    assert link.is_symlink()
    assert file.read_text() == "x" * 200 + "more\nstill more\n"
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


def test_a_line_after_a_failure_is_written(tmp_path: Path) -> None:
    """Where the file could not be opened anew for once, the next line tries again."""
    folder = tmp_path / "folder"
    folder.mkdir()
    log = RotatingFile(str(folder / "log"))
    (folder / "log").unlink()
    folder.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        log.line("lost")
    (tmp_path / "away").rename(folder)
    log.line("kept")
    log.close()
    assert (folder / "log").read_text() == "kept\n"


@pytest.mark.parametrize("name", ["/dev/null", "/dev/full"])
def test_what_is_no_file_is_never_put_away(name: str) -> None:
    """A device stays what it is."""
    log = RotatingFile(name, limit=0)
    if name == "/dev/null":
        log.line("gone")
    else:
        with pytest.raises(OSError, match="No space"):
            log.line("no")
    log.close()
    assert not os.path.exists(f"{name}.1")


def test_where_it_cannot_be_put_away_it_is_added_to(tmp_path: Path) -> None:
    """Something else has the lock's name: the log goes on as it stands."""
    path = tmp_path / "log"
    path.write_text("x" * 200 + "\n")
    (tmp_path / "log.lock").mkdir()
    log = RotatingFile(str(path), limit=100)
    log.line("one more")
    log.close()
    assert path.read_text().endswith("x\none more\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["log", "log.lock"]
