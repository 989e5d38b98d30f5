"""Reliability: docs/reliability.md, made from the tests' markers and results.

`python -m support.reliability` runs every marked test and writes the page. Given paths (or other words for pytest) it
runs those and keeps what earlier runs found of the others; with `--markers` it runs none.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple

import pytest

from .matrix import MATRIX

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
MEASURED = ROOT / "bench" / "faults-measured.md"
NOT_YET = "not yet"
HEAD = """\
# Reliability

What can go wrong, what dockferry does about it, and which test proves it. Every fault is a real one: raw sockets on
loopback, full disks, signals, network namespaces; the archive has to come out the same to the byte, or the run has
to end with its documented exit code and state that the next run goes on from.

This page is made by `make reliability`, which runs the tests named here. `yes` means that all of a row's tests
passed; a test fails when the rows and tests here are not those of the tests' own markers. Other chances are played
with `DOCKFERRY_FAULT_SEED=1`, `2` and so on. The last table is what `make bench-faults` measured.
"""

Tests = Dict[Tuple[str, str], Set[str]]
"""By marker and key: the tests, as `faults/test_http.py::test_x`."""


def marked_tests() -> Tests:
    """From the sources: markers stand in the decorators of the test functions, cases included."""
    found: Tests = {}
    for path in sorted((ROOT / "tests").glob("**/test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                name = f"{path.relative_to(ROOT / 'tests').as_posix()}::{node.name}"
                for key in _marks(node):
                    found.setdefault(key, set()).add(name)
    return found


def _marks(function: ast.FunctionDef) -> Iterator[Tuple[str, str]]:
    for decorator in function.decorator_list:
        for node in ast.walk(decorator):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("row", "rule"):
                for argument in node.args:
                    yield node.func.attr, str(ast.literal_eval(argument))


def page(tests: Tests, results: Dict[str, str]) -> str:
    """The whole page; `results` gives yes, no or another word for each test that has run."""
    lines = [HEAD]
    for heading, marker, rows in MATRIX:
        lines += [f"## {heading}", "", "| | fault | wanted | tests | holds |", "|--:|---|---|---|---|"]
        if marker == "rule":
            lines[-2] = "| | about | wanted | tests | holds |"
        for key, (fault, wanted) in rows.items():
            names = sorted(tests.get((marker, key), ()))
            words = {results.get(name, NOT_YET) for name in names} or {NOT_YET}
            holds = next((word for word in ("no", NOT_YET, "not here") if word in words), "yes")
            shown = [_short(name) + _note(results.get(name, NOT_YET)) for name in names]
            lines.append(f"| {key} | {fault} | {wanted} | {'<br>'.join(shown)} | {holds} |")
        lines.append("")
    return "\n".join([*lines, MEASURED.read_text(encoding="utf-8")])


def earlier_results(text: str) -> Dict[str, str]:
    """What a page says of each of its tests."""
    return {_long(name): word or "yes" for name, word in re.findall(r"`([^`]+: [^`]+)`(?: \(([a-z ]+)\))?", text)}


def without_results(text: str) -> List[str]:
    """The page's lines, but for the last cell of each row, and for what is said of single tests."""
    lines = re.sub(r"(`[^`]+`) \([a-z ]+\)", r"\1", text).splitlines()
    return [line.rpartition(" | ")[0] if line.startswith("| ") else line for line in lines]


def _note(word: str) -> str:
    return "" if word == "yes" else f" ({word})"


def _short(name: str) -> str:
    file, _, function = name.partition("::")
    return f"`{file[:-3].replace('/test_', '/')}: {function[len('test_') :]}`"


def _long(shown: str) -> str:
    file, _, function = shown.partition(": ")
    folder, slash, name = file.rpartition("/")
    return f"{folder}{slash}{'test_' if slash else ''}{name}.py::test_{function}"


class Recorder:
    """A pytest plugin: how each test function ended, all its cases together."""

    def __init__(self) -> None:
        self.results: Dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = report.nodeid.partition("[")[0]
        name = name[len("tests/") :] if name.startswith("tests/") else name
        if report.failed:
            self.results[name] = "no"
        elif report.skipped and self.results.get(name) != "no":
            self.results[name] = "not here"
        elif report.when == "call":
            self.results.setdefault(name, "yes")


def main(argv: List[str]) -> int:
    earlier = earlier_results(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    code = 0
    if "--markers" not in argv:
        recorder = Recorder()
        code = int(pytest.main(["-q", "-m", "row or rule", *(argv or [str(ROOT / "tests")])], plugins=[recorder]))
        earlier.update(recorder.results)
    PAGE.write_text(page(marked_tests(), earlier), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
