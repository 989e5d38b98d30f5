"""The core of the tests on every Python that is found here: `nox` all of them, `nox -s core-3.9` one, `nox -l` lists.

The core is what another Python may do otherwise, and what needs nothing but Python: no real registry or engine, no
strace, no benchmark. Its tests wait more than they work, so that four run at a time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

import nox

VERSIONS = [f"3.{minor}" for minor in range(8, 15)]
LEFT_OUT = ("bench", "cost", "crash", "demo", "docs", "faults", "packaging", "properties", "real")
LEFT_OUT += ("test_forms.py", "test_mirrors.py", "test_package.py", "usecases/test_ahead.py")
"""Tests that measure or trace, that need more than Python, or that take long for what Python does in them."""
CORE = [*(f"--ignore=tests/{name}" for name in LEFT_OUT), "--ignore-glob=tests/test_manual_*"]
LOWEST = [f"tests/{name}" for name in ("registry", "transfer", "config", "system", "test_windows_rules.py")]
LOWEST += [f"tests/faults/test_{name}.py" for name in ("auth", "content", "http", "secrets")]
LOWEST += ["tests/cli/test_bar.py", "tests/cli/test_completion.py"]
"""Tests of what is built upon a library."""

PYTEST = ["-q", "-n", "4", "-m", "not real", "-p", "no:cacheprovider"]

nox.needs_version = ">=2024.3.2"
nox.options.default_venv_backend = "venv"
nox.options.sessions = ["core", "lowest"]
nox.options.error_on_missing_interpreters = True
nox.options.reuse_venv = "yes"


def candidates(version: str) -> Iterator[Path]:
    """Where this version may be: on the PATH, then in pyenv's folder, the latest release first."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield Path(folder, f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    yield from sorted(pyenv.glob(f"{version}.*/bin/python{version}"), key=lambda path: _numbers(path), reverse=True)


def _numbers(path: Path) -> List[int]:
    return [int(number) for number in re.findall(r"\d+", path.parts[-3])]


def starts(python: Path, version: str) -> bool:
    """Whether it is that version and can make environments: a pyenv shim may lead nowhere, Debian's may lack venv."""
    code = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    if not python.is_file():
        return False
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def find_pythons() -> Dict[str, Path]:
    """Those that are here, oldest first. Leaves where there is none."""
    found: Dict[str, Path] = {}
    for version in VERSIONS:
        python = next((path for path in candidates(version) if starts(path, version)), None)
        if python is not None:
            found[version] = python
    missing = [version for version in VERSIONS if version not in found]
    if missing:
        print(f"not found here, so not tested: Python {', '.join(missing)}", file=sys.stderr)
    if not found:
        sys.exit(f"wanted one of Python {', '.join(VERSIONS)}, found none")
    return found


PYTHONS = find_pythons()
OLDEST, NEWEST = next(iter(PYTHONS)), list(PYTHONS)[-1]
# nox looks on the PATH.
os.environ["PATH"] = os.pathsep.join([*(str(path.parent) for path in PYTHONS.values()), os.environ.get("PATH", "")])


def install(session: nox.Session, *more: str) -> None:
    """The pip that comes with Python 3.8 tries old releases of everything for minutes; a later one takes seconds."""
    session.install("--upgrade", "pip")
    session.install("--editable", ".[test]", *more)


def run(session: nox.Session, what: List[str]) -> None:
    """pytest with `what`, or with what stands behind `--` on nox's command line."""
    session.run("python", "-m", "pytest", *PYTEST, *(session.posargs or what))


@nox.session(python=list(PYTHONS))
def core(session: nox.Session) -> None:
    """The core, on every Python that is found."""
    install(session)
    run(session, CORE)


@nox.session(python=sorted({OLDEST, NEWEST}, key=VERSIONS.index))
def ends(session: nox.Session) -> None:
    """The core, on the oldest and the newest of them alone."""
    install(session)
    run(session, CORE)


@nox.session(python=OLDEST)
def lowest(session: nox.Session) -> None:
    """On the oldest, what is built upon libraries, with the oldest of them that pyproject.toml allows."""
    constraints = Path(session.virtualenv.location, "lowest.txt")
    constraints.write_text("\n".join(lower_bounds(Path("pyproject.toml").read_text("utf-8"))) + "\n")
    install(session, "--constraint", str(constraints))
    session.run("python", "-m", "pip", "list", "--disable-pip-version-check")
    run(session, LOWEST)


def lower_bounds(project: str) -> List[str]:
    """`name==version` for each of the project's own dependencies: the line `"name[extra] >=version…",`."""
    block = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.MULTILINE | re.DOTALL)
    assert block is not None
    return [
        f"{name}=={version}" for name, version in re.findall(r'"([\w-]+)(?:\[\w+\])? *>=([\d.]+)', block.group(1))
    ]
