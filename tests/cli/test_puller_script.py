"""`docker_image_puller.py`, the manual's command, run as the manual runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

SCRIPT = str(Path(__file__).resolve().parents[2] / "docker_image_puller.py")


def run(words: List[str], *flags: str, directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **settings}
    return subprocess.run(
        [sys.executable, *flags, SCRIPT, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=directory,
        env=environment,
    )


def test_help_names_the_manuals_words(tmp_path: Path) -> None:
    """IMAGE, -r and -t."""
    done = run(["--help"], directory=tmp_path)
    assert done.returncode == 0
    assert "docker_image_puller.py IMAGE [-r HOST] [-t N]" in done.stdout
    assert run([], directory=tmp_path).returncode == 2


def test_help_shows_on_a_console_without_chinese(tmp_path: Path) -> None:
    """As Windows' in Europe: what the encoding lacks is left out, and nothing fails."""
    done = run(["--help"], directory=tmp_path, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert "fetch from this registry" in done.stdout


def test_a_missing_library_is_one_line(tmp_path: Path) -> None:
    """Without urllib3 it says what to install: -S leaves out all that was installed."""
    done = run(["nginx"], "-S", directory=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "wanted urllib3" in done.stderr
    assert "pip install" in done.stderr


def test_it_runs_from_a_checkout(tmp_path: Path) -> None:
    """Its grammar is the engine's: a wrong thread count gets the same line."""
    done = run(["nginx", "-r", "docker.1ms.run", "-t", "99"], directory=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("dockferry: --threads: wanted a whole number from 1 to 20, got '99'")


def test_what_was_typed_is_what_gets_help(tmp_path: Path) -> None:
    """Who has the script alone has no `dockferry` to type: the remedy is a command that works as it stands."""
    done = run(["nginx", "-r"], directory=tmp_path)
    assert done.stderr.endswith("; see docker_image_puller.py IMAGE --help\n")
    assert "--with-layers" in run(["nginx", "--help"], directory=tmp_path).stdout
