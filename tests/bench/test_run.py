"""The measuring script, on images small enough to say nothing about speed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

ROOT = Path(__file__).resolve().parents[2]


def rows(folder: Path, *options: str) -> List[str]:
    """The table's lines after one round, with scratch files in `folder`."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench/run.py"), "--rounds=1", f"--workdir={folder}", *options],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("|")]


@pytest.mark.real
def test_bench_prints_one_table(tmp_path: Path) -> None:
    """Every scenario gives rows of one Markdown table, missing tools are named, and nothing is left behind."""
    table = rows(tmp_path, "--scale=0.004")
    assert {line.count("|") for line in table} == {10}
    ours = [line for line in table if re.search(r"\| dockferry", line)]
    assert len(ours) == 2 + 2 * 2 + 2 + 1 + 1 + 2 + 1
    assert all(re.search(r"\| \d+ \| \d+\.\d\d \(", line) for line in ours), ours
    assert all(line.split("|")[3].strip() != "0" or line.split("|")[4].strip() for line in table[2:])
    assert list(tmp_path.iterdir()) == []


def test_mirrors_alone(tmp_path: Path) -> None:
    """One scenario can be chosen; each tool that can use several mirrors is told with what they sent it."""
    table = rows(tmp_path, "--only=mirrors", "--scale=0.01")[2:]
    assert all(" from mirrors of 80 and 20 MB/s in all" in line for line in table)
    two, three = [line for line in table if "| dockferry" in line]
    figures = r": -?\d+\.\d% fetched twice \(.*\), shares "
    assert re.search(figures + r"\d+\.\d% / \d+\.\d% \|", two)
    assert re.search(figures + r"\d+\.\d% / \d+\.\d% / \d+\.\d% \|", three)
    assert any("| skopeo" in line and "takes one source" in line for line in table)
    assert list(tmp_path.iterdir()) == []
