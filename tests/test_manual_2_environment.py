"""The manual, section 2: Python 3.8 and later, and what else is needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import environment
from support.manual import SCRIPT

ROOT = SCRIPT.parent
OLD = """
import runpy, sys
sys.version_info = (3, 7, 17, "final", 0)
sys.argv = [{script!r}, "nginx"]
runpy.run_path({script!r}, run_name="__main__")
"""


def run(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=home,
        env={**environment(home), **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_an_older_python_is_told_so_in_both_languages(tmp_path: Path) -> None:
    """In one line, before anything is imported that it could not read."""
    done = run(tmp_path, "-c", OLD.format(script=str(SCRIPT)))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "wanted Python 3.8 or later, got" in done.stderr
    assert "需要 Python 3.8 或更高版本" in done.stderr


def test_a_console_without_chinese_is_told_so_in_english(tmp_path: Path) -> None:
    """Without escapes that nobody reads."""
    done = run(tmp_path, "-c", OLD.format(script=str(SCRIPT)), PYTHONIOENCODING="cp437")
    assert done.stderr.startswith("docker_image_puller: wanted Python 3.8 or later, got")
    assert done.stderr.isascii()


def test_any_python_can_read_the_script() -> None:
    """Nothing in it is newer than what it has to tell: no formatted texts, no annotations, no `:=`."""
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef)), node.lineno
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert all(argument.annotation is None for argument in node.args.args)
        if isinstance(node, ast.ImportFrom):
            assert node.module != "__future__"
    assert b"coding: utf-8" in SCRIPT.read_bytes().splitlines()[1]


def test_a_missing_library_is_told_in_both_languages(tmp_path: Path) -> None:
    """With the line that installs it: -S leaves out all that was installed."""
    done = run(tmp_path, "-S", str(SCRIPT), "nginx")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "wanted urllib3, got no such library" in done.stderr
    assert "缺少 urllib3" in done.stderr
    assert "pip install" in done.stderr


@pytest.mark.parametrize("library", ["requests", "tqdm"])
def test_the_old_libraries_are_not_needed(library: str) -> None:
    """What the manual had installed besides urllib3 is asked for nowhere."""
    for path in [SCRIPT, *(ROOT / "src").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert all(name.partition(".")[0] != library for name in names), path


def test_the_package_says_which_python_it_needs() -> None:
    """The same as the script, to pip."""
    assert re.search(r'^requires-python = ">=3\.8"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
