"""dockferry as a file that people download: frozen by PyInstaller or cx_Freeze, or a zip that a Python runs."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Tuple

from .process import run

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "dist"
KINDS = ("exe", "cxfreeze", "pyz-oldest", "pyz-newest")
FROZEN = KINDS[:2]
BUILD_SECONDS = 400.0
"""On a machine that has nothing yet. A test that may be the first to want a program has that long."""
_OLDEST = (3, 8)


def build() -> None:
    """By the Makefile's own targets; what is there and still true is left."""
    make = ["make", "-C", str(ROOT), "-j2", f"PYTHON={sys.executable}"]
    run(*make, "exe", "exe-cxfreeze", "pyz", timeout=BUILD_SECONDS)


@dataclass(frozen=True)
class Program:
    """`words` start it. What it is given as its environment is all that it has."""

    words: Tuple[str, ...]
    directory: Path

    def __call__(self, *argv: str, **env: str) -> subprocess.CompletedProcess[bytes]:
        """Runs it to its end in `directory`, which is also the home of what it might look for there."""
        return subprocess.run(
            [*self.words, *argv],
            cwd=self.directory,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=100,
            check=False,
        )

    @property
    def is_frozen(self) -> bool:
        """Whether it brings its own Python."""
        return len(self.words) == 1

    @property
    def home(self) -> Dict[str, str]:
        """An environment with a home and nothing else: no credentials of the developer's are found."""
        return {"HOME": str(self.directory)}

    def called(self, name: str) -> Program:
        """The same under another name, as somebody renames what was downloaded."""
        *before, path = self.words
        other = self.directory / f"{name}{Path(path).suffix}"
        shutil.copy2(path, other)
        return Program((*before, str(other)), self.directory)


def program(kind: str, directory: Path) -> Program:
    """The one of this kind that `build` has made."""
    if kind == "exe":
        return Program((str(DIST / "dockferry"),), directory)
    if kind == "cxfreeze":
        return Program((str(DIST / "dockferry-cxfreeze" / "dockferry"),), directory)
    found = interpreters()
    version = {"pyz-oldest": min(found), "pyz-newest": max(found)}[kind]
    return Program((found[version], str(DIST / "dockferry.pyz")), directory)


def interpreters() -> Dict[Tuple[int, ...], str]:
    """Each Python from 3.8 on that is found here, the one in hand among them: by version, the path."""
    found = {version: path for version, path in _all().items() if version >= _OLDEST}
    return {**found, sys.version_info[:2]: sys.executable}


def too_old() -> Dict[Tuple[int, ...], str]:
    """Each Python before 3.8 that is found here."""
    return {version: path for version, path in _all().items() if version < _OLDEST}


def _all() -> Dict[Tuple[int, ...], str]:
    places = os.environ.get("PATH", "").split(os.pathsep)
    places += glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin"))
    found: Dict[Tuple[int, ...], str] = {}
    for place in places:
        for path in glob.glob(os.path.join(place, "python[23].*")):
            name = re.fullmatch(r"python(\d)\.(\d+)", os.path.basename(path))
            if name and "shims" not in Path(path).parts:  # pyenv's shims are there whether the Python is or not
                found.setdefault((int(name[1]), int(name[2])), path)
    return found
