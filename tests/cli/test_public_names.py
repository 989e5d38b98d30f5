"""The Python surface: `__all__`, `dir()`, the lazy imports and the type checker's view agree."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest

import dockferry

NAMES = [name for name in dockferry.__all__ if not name.startswith("__")]


def checked() -> Dict[str, str]:
    """What the type checker is told: each name and its module, from the source."""
    tree = ast.parse(Path(str(dockferry.__file__)).read_text(encoding="utf-8"))
    found: Dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.If):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ImportFrom):
                    found.update({alias.name: str(inner.module) for alias in inner.names})
    return found


def test_all_is_sorted_and_without_doubles() -> None:
    """The list is easy to read."""
    assert list(dockferry.__all__) == sorted(set(dockferry.__all__))


def test_dir_shows_all() -> None:
    """Completion in an interactive Python finds every public name."""
    assert set(dockferry.__all__) <= set(dir(dockferry))


def test_the_type_checker_sees_the_same_names() -> None:
    """Nothing is public at run time alone, or for the type checker alone."""
    assert set(checked()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_comes_from_where_it_is_said(name: str) -> None:
    """`dockferry.NAME` is its module's, and has a docstring or a documented parent."""
    module = __import__(f"dockferry.{checked()[name]}", fromlist=[name])
    assert getattr(dockferry, name) is getattr(module, name)
    assert getattr(dockferry, name).__module__ == module.__name__


def test_no_module_has_a_public_name() -> None:
    """The import system would set `dockferry.pull` to a module of that name, and hide the function."""
    package = Path(str(dockferry.__file__)).parent
    assert {path.stem for path in package.iterdir()} & set(NAMES) == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = dockferry.nonsense


def test_importing_dockferry_imports_little() -> None:
    """Names are imported when they are asked for."""
    code = "import sys, dockferry; print([m for m in ('urllib3', 'ssl', 'rich', 'dataclasses') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "[]\n"
