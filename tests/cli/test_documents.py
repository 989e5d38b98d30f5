"""What the documents say is what the program does."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest

from dockferry import events
from dockferry.cli import parser

ROOT = Path(__file__).resolve().parents[2]


def kinds() -> Dict[str, type]:
    """All events, by the name that stands in a JSON line."""
    found: Dict[str, type] = {}
    for kind in events.Event.__subclasses__():
        found[re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()] = kind
    return found


def documented() -> Dict[str, List[str]]:
    """From docs/events.md: each event's fields."""
    found: Dict[str, List[str]] = {}
    for part in re.split(r"^### ", (ROOT / "docs/events.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        found[part.split()[0]] = re.findall(r"^\| `(\w+)` \|", part, flags=re.MULTILINE)
    return found


def test_every_event_and_field_is_documented() -> None:
    """docs/events.md has all of events.py, in its order, and nothing else but `failed`."""
    told = documented()
    assert told.pop("failed") == ["message", "remedy", "exit_code"]
    assert told == {name: [field.name for field in dataclasses.fields(kind)] for name, kind in kinds().items()}


@pytest.mark.parametrize("command", ["dockferry --help", "dockferry pull --help"])
def test_the_readme_shows_the_help_as_it_is(command: str) -> None:
    """The text between the markers is the program's."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(rf"<!-- {command} -->\n```text\n(.*?)```\n<!-- end -->", readme, re.DOTALL)
    assert match, f"README.md has no part for {command}"
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert match[1] == done.stdout


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_command_in_the_readme_is_understood(name: str) -> None:
    """No example has an option or a command that is not there."""
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    commands = [match[1] for line in lines for match in re.finditer(r"\bdockferry (\w[^|)&;#>]*)", line)]
    assert commands
    for command in commands:
        words = [word.strip("\"'") for word in command.split() if word != "--help"]
        words = ["x" if word.endswith(".pem") else word for word in words if word not in ("--ca-cert", "--version")]
        parser.parse(words)


def test_the_licence_is_there() -> None:
    """The package says Apache-2.0, and its text is with it."""
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
