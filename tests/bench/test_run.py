"""The measuring script, on images small enough to say nothing about speed."""

from __future__ import annotations

import json
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
    assert {line.count("|") for line in table} == {12}
    ours = [line for line in table if re.search(r"\| dockferry", line)]
    assert len(ours) == 2 + 4 * 2 + 2 + 1 + 1 + 2 + 1
    assert all(re.search(r"\| \d+ \| \d+\.\d\d \(", line) for line in ours), ours
    assert all(line.split("|")[3].strip() != "0" or line.split("|")[4].strip() for line in table[2:])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_tls_is_spoken_by_all(tmp_path: Path) -> None:
    """Over TLS every tool that is there fetches the whole image, with a certificate that it has to trust."""
    table = [line for line in rows(tmp_path, "--only=onelayer", "--scale=0.002") if "over TLS" in line]
    cells = [[cell.strip() for cell in line.split("|")] for line in table]
    not_run = [row for row in cells if row[3] == "0"]
    assert all(row[4].endswith(("is not installed", "has no running daemon")) for row in not_run), not_run
    fetched = [float(row[11]) for row in cells if row[3] != "0" and not row[2].startswith("floor")]
    assert len(fetched) > 2
    assert all(amount > 0.99 for amount in fetched)


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


def test_all_that_was_measured_is_kept(tmp_path: Path) -> None:
    """The JSON holds the machine, the commit, and each run with its own figures, down to the server's."""
    kept = tmp_path / "kept" / "results.json"
    rows(tmp_path, "--only=startup", "--scale=0.1", f"--json={kept}")
    found = json.loads(kept.read_text())
    assert found["circumstances"]["commit"]
    assert found["circumstances"]["processor"]
    there = next(one for one in found["results"] if one["tool"] == "dockferry pull, archive there")
    assert [sample["requests"] for sample in there["samples"]] == [1, 1, 1]
    assert all(sample["cpu"] > 0 and 8e6 < sample["rss"] < 200e6 for sample in there["samples"])
