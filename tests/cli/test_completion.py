"""Shell completion, tried in a real shell."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List

import pytest

from dockferry.cli.completion import script


def complete(words: List[str], directory: Path) -> List[str]:
    """What bash offers for the last of `words`."""
    quoted = " ".join(f"'{word}'" for word in words)
    program = (
        f"{script('bash')}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
        "function_name=$(complete -p dockferry | sed 's/.*-F \\([^ ]*\\).*/\\1/'); $function_name; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", program], capture_output=True, text=True, check=True, timeout=20, cwd=directory
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["dockferry", "pu"], ["pull"]),
        (["dockferry", "pull", "--pass"], ["--password-stdin"]),
        (["dockferry", "pull", "--format", "oci"], ["oci", "oci-dir"]),
        (["dockferry", "completion", ""], ["bash", "zsh", "tcsh"]),
        (["dockferry", "verify", "ngi"], ["nginx.tar"]),
        (["dockferry", "pull", "x", "-o", "ngi"], ["nginx.tar"]),
    ],
)
def test_bash_completes(words: List[str], offered: List[str], tmp_path: Path) -> None:
    """Commands, options, an option's values, files."""
    (tmp_path / "nginx.tar").touch()
    assert complete(words, tmp_path) == offered


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_the_other_shells_have_scripts(shell: str) -> None:
    """They name the commands."""
    assert "completion" in script(shell)
