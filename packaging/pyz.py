"""The zip that any Python from 3.8 on runs: dockferry and the libraries it needs, the same bytes each time.

Only what is written in Python goes in, so it is the same for all systems. The libraries are those of pyz.txt, with
the versions and digests that stand there: each is the last that still runs on 3.8.
"""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Dict

import contents

LIBRARIES = contents.HERE / "pyz.txt"
FIRST_LINE = b"#!/usr/bin/env python3\n"
_WHEN = (1980, 1, 1, 0, 0, 0)
"""The first day that a zip can tell."""
_PURE = ("--only-binary=:all:", "--implementation=py", "--abi=none", "--platform=any", "--python-version=3.8")
_COMPILED = (".so", ".pyd", ".dll", ".dylib")


def fetch(python: str, folder: Path) -> None:
    """The libraries, unpacked into `folder`, by the pip of `python`. Their digests are checked."""
    shutil.rmtree(folder, ignore_errors=True)
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile", "--require-hashes", *_PURE)
    command = [python, "-m", "pip", "install", *options, "--target", str(folder), "--requirement", str(LIBRARIES)]
    subprocess.run(command, check=True)  # noqa: S603 - our own list


def write(target: Path, libraries: Path) -> None:
    """Write the program to `target`; whether its bytes are those of another build depends on its contents alone."""
    files = {**_library_files(libraries), **_own_files()}
    with target.open("wb") as out:
        out.write(FIRST_LINE)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted(files):
                info = zipfile.ZipInfo(name, _WHEN)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.create_system = 3
                info.external_attr = 0o100644 << 16
                archive.writestr(info, files[name])
    target.chmod(0o755)


def _own_files() -> Dict[str, bytes]:
    script, licence = contents.ROOT / f"{contents.SCRIPT}.py", contents.ROOT / "LICENSE"
    paths = [*contents.PACKAGE.rglob("*.py"), *(path for path, _ in contents.catalogs())]
    found = {path.relative_to(contents.SOURCE).as_posix(): path.read_bytes() for path in paths}
    beside = {path.name: path.read_bytes() for path in (script, licence)}
    return {**found, **beside, "__main__.py": contents.LAUNCHER.read_bytes()}


def _library_files(folder: Path) -> Dict[str, bytes]:
    """The modules, and each library's name, version and licence. Raises ValueError if one is compiled."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    for path in paths:
        if path.suffix in _COMPILED:
            raise ValueError(f"{path}: wanted a library written in Python, got a compiled one")
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if _is_wanted(name)}


def _is_wanted(name: str) -> bool:
    first, _, rest = name.partition("/")
    if first.endswith(".dist-info"):
        return rest == "METADATA" or "licen" in rest.lower()
    return name.endswith(".py")
