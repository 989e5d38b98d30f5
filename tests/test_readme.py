"""The README's examples run.

A fenced block after the line `<!-- run -->` is run as a whole, in an empty directory, by a shell that stops at the
first failure. In a `console` block the lines after `$ ` are the commands. `localhost:5000` stands for a registry
on this machine that has `team/app`, tags `1.2` and `latest`; here it has another port.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest
from support.command import environment
from support.images import MadeImage
from support.registries import Registry

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^<!-- run -->\n+```(console|sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMES = ("README.md", "README.zh-CN.md")


def scripts(name: str) -> List[str]:
    """The marked blocks' commands."""
    found = _BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))
    return [commands(body) if kind == "console" else body for kind, body in found]


def commands(session: str) -> str:
    """What was typed in a console session; a line that ends in a backslash goes on in the next."""
    typed = re.findall(r"^\$ ((?:[^\n]*\\\n)*[^\n]*)$", session, re.MULTILINE)
    return "\n".join(typed) + "\n"


@pytest.mark.real
@pytest.mark.parametrize(("name", "place"), [(name, place) for name in _NAMES for place in range(len(scripts(name)))])
def test_a_marked_block_runs(name: str, place: int, registry: Registry, runnable: MadeImage, tmp_path: Path) -> None:
    """What the README tells the reader to type works as it stands."""
    for tag in ("1.2", "latest"):
        registry.push("team/app", tag, runnable)
    env = environment(tmp_path)
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    script = scripts(name)[place].replace("localhost:5000", registry.host)
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode()


def test_the_readme_has_blocks_to_run() -> None:
    """The marker is in use, so the test above tests something."""
    assert scripts("README.md")


@pytest.mark.real
@pytest.mark.parametrize("name", _NAMES)
def test_the_configuration_file_is_used(name: str, registry: Registry, runnable: MadeImage, tmp_path: Path) -> None:
    """As the README has it written: an image of the registry that it names comes from the mirror."""
    registry.push("team/app", "1.2", runnable)
    env = {**environment(tmp_path), "HOME": str(tmp_path)}
    written = next(body for body in scripts(name) if "config.toml" in body).replace("localhost:5000", registry.host)
    subprocess.run(["bash", "-euc", written.partition("dockferry config")[0]], cwd=tmp_path, env=env, check=True)
    pull = [sys.executable, "-m", "dockferry", "pull", "registry.example/team/app:1.2", "-o", "it.tar"]
    subprocess.run(pull, cwd=tmp_path, env=env, check=True, timeout=60)
    assert (tmp_path / "it.tar").exists()


def test_the_targets_that_documents_name_are_there() -> None:
    """`make demo` and its like are in the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in (*_NAMES, "CONTRIBUTING.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        for target in re.findall(r"(?:^\$ |`)make ([a-z]+)", text, re.MULTILINE):
            assert target in targets, f"{name}: make {target}"
