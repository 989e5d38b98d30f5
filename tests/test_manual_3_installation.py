"""The manual, section 3: get the file, get the libraries, run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
from support.command import environment
from support.images import make_image
from support.manual import SCRIPT
from support.served import store_of

from dockferry.serve import serve

IMAGE = make_image([50_000], seed=41)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What was downloaded: the script and `src`, elsewhere than here."""
    place = tmp_path / "下载 of mine"
    place.mkdir()
    shutil.copy2(SCRIPT, place)
    shutil.copytree(SCRIPT.parent / "src", place / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return place


def bare(home: Path) -> Dict[str, str]:
    """An environment in which no dockferry is found but the script's own."""
    return {**environment(home), "PYTHONPATH": ""}


def test_a_checkout_runs_as_it_is(checkout: Path, tmp_path: Path) -> None:
    """Nothing is installed, whatever the directories are called; its own code is run, and no other."""
    with serve(store_of(IMAGE)) as server:
        done = subprocess.run(
            [sys.executable, str(checkout / SCRIPT.name), f"{server.host}/demo/app:1.0"],
            cwd=tmp_path,
            env=bare(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.strip()).is_file()
    (checkout / "src" / "dockferry" / "cli" / "puller.py").write_text("raise SystemExit(99)\n")
    broken = subprocess.run([sys.executable, str(checkout / SCRIPT.name), "x"], env=bare(tmp_path), check=False)
    assert broken.returncode == 99


def test_it_can_be_run_by_its_name(checkout: Path, tmp_path: Path) -> None:
    """`chmod +x`, and `./docker_image_puller.py`: the first line says by what."""
    assert os.access(SCRIPT, os.X_OK)
    script = checkout / SCRIPT.name
    script.chmod(0o755)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    env = {**bare(tmp_path), "PATH": f"{tools}:{os.environ['PATH']}"}
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path.endswith("-packages"))
    done = subprocess.run(
        [str(script), "--help"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "docker_image_puller.py IMAGE [-r HOST] [-t N]" in done.stdout


def test_archive_and_log_stand_where_it_is_run(checkout: Path, tmp_path: Path) -> None:
    """Not where the script stands, which may be a directory that nobody may write to."""
    before = sorted(path.name for path in checkout.iterdir())
    work = tmp_path / "work"
    work.mkdir()
    with serve(store_of(IMAGE)) as server:
        done = subprocess.run(
            [sys.executable, str(checkout / SCRIPT.name), f"{server.host}/demo/app:1.0"],
            cwd=work,
            env=bare(tmp_path),
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0
    assert {path.name.rpartition("_")[2] for path in work.iterdir()} == {"amd64.tar", "layers", "puller.log"}
    assert sorted(path.name for path in checkout.iterdir()) == before
