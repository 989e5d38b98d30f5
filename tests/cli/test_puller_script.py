"""`docker_image_puller.py`, the manual's command, run as the manual runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

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
    assert done.stderr.endswith("; see python docker_image_puller.py IMAGE --help\n")
    assert "--with-layers" in run(["nginx", "--help"], directory=tmp_path).stdout


def test_it_may_have_another_name(tmp_path: Path) -> None:
    """The manual has `docker_image_puller6.py` too: help and remedies name what was typed."""
    (tmp_path / "docker_image_puller6.py").symlink_to(SCRIPT)
    command = [sys.executable, "docker_image_puller6.py", "nginx", "-r"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr.endswith("; see python docker_image_puller6.py IMAGE --help\n")


def test_an_old_library_is_one_line(tmp_path: Path) -> None:
    """What the older script asked for, or Debian 12 has, is urllib3 1.26: it says what to install."""
    (tmp_path / "urllib3").mkdir()
    (tmp_path / "urllib3" / "__init__.py").write_text('__version__ = "1.26.20"\n')
    code = (
        "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    command = [sys.executable, "-c", code, str(tmp_path), SCRIPT, "nginx"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "wanted urllib3 2 or later, got 1.26.20; pip install" in done.stderr


@pytest.mark.parametrize("words", [["--help"], ["nginx", "--help"]])
def test_standard_output_may_be_closed_full_or_unread(words: List[str], tmp_path: Path) -> None:
    """One line at most, and a code: no traceback."""
    said = {}
    for name, where in (("closed", ">&-"), ("full", ">/dev/full"), ("unread", "| true")):
        command = ["bash", "-c", f'set -o pipefail; "$@" {where}', "-", sys.executable, SCRIPT, *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
        said[name] = done.stderr
        assert done.returncode in {"closed": (0,), "full": (7,), "unread": (0, 141)}[name], done
    assert said["unread"] == ""
    assert "Traceback" not in said["closed"]
    assert said["full"].startswith("dockferry: cannot write standard output: No space left on device")
