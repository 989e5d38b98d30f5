"""The release's workflow: it can be read, and what it runs is there."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any, Dict, Iterator, List, Set

import pytest
import yaml
from support.programs import ROOT

TEXT = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
WORKFLOW: Dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: Dict[str, Any] = WORKFLOW["jobs"]


def steps() -> Iterator[Dict[str, Any]]:
    for job in JOBS.values():
        yield from job["steps"]


def scripts() -> List[str]:
    """What is run, with a word in the place of each `${{ … }}`."""
    return [re.sub(r"\$\{\{.*?\}\}", "filled-in", step["run"]) for step in steps() if "run" in step]


def test_it_runs_on_a_tag_alone() -> None:
    """And one job only may write. (YAML takes the word `on` for true.)"""
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == ["publish"]


def test_every_system_has_its_executable() -> None:
    """Windows, macOS and Linux, each with all that the steps ask of the matrix."""
    rows = JOBS["executable"]["strategy"]["matrix"]["include"]
    assert [row["system"].partition("-")[0] for row in rows] == ["windows", "macos", "linux"]
    asked: Set[str] = set(re.findall(r"matrix\.(\w+)", TEXT))
    assert all(asked == row.keys() for row in rows)


def test_jobs_and_actions_are_named_rightly() -> None:
    """A job waits for jobs that are there; an action of others is of a version that is named."""
    assert set(JOBS["publish"]["needs"]) == JOBS.keys() - {"publish"}
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@v\d+(\.\d+)*", name) for name in used), used
    assert all(("uses" in step) != ("run" in step) for step in steps())


@pytest.mark.parametrize("script", scripts())
def test_what_it_runs_is_there(script: str) -> None:
    """A script that bash reads, targets of the Makefile, files of ours, words that the builder knows."""
    subprocess.run(["bash", "-n", "-c", script], check=True, timeout=10)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)(?= |$)", script)) <= targets
    for path in re.findall(r"packaging/\w+\.py", script):
        assert (ROOT / path).is_file()
    known = subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "build.py")], capture_output=True, text=True, timeout=30
    ).stderr
    for kind in re.findall(r"build\.py (\w+)", script):
        assert f"    {kind} " in known


def test_every_build_is_tried() -> None:
    """What was built is started before it is handed on."""
    for name in ("executable", "zip"):
        run = [step.get("run", "") for step in JOBS[name]["steps"]]
        built = next(place for place, text in enumerate(run) if "build.py" in text or "make pyz" in text)
        assert any("smoke.py" in text for text in run[built:]), name
