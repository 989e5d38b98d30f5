"""The measuring script, on images small enough to say nothing about speed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.real
def test_bench_prints_one_table(tmp_path: Path) -> None:
    """Every scenario gives rows of one Markdown table, missing tools are named, and nothing is left behind."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "bench/run.py"), "--rounds=1", "--scale=0.004", f"--workdir={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table} == {10}
    ours = [line for line in table if re.search(r"\| dockferry", line)]
    assert len(ours) == 2 + 2 * 2 + 2 + 1
    assert all(re.search(r"\| \d+ \| \d+\.\d\d \(", line) for line in ours), ours
    assert all(line.split("|")[3].strip() != "0" or line.split("|")[4].strip() for line in table[2:])
    assert list(tmp_path.iterdir()) == []
