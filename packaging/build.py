"""Builds the program for people without Python, or without pip: `python packaging/build.py KIND...`

    exe         one executable, by PyInstaller: dist/dockferry
    cxfreeze    a directory with one, by cx_Freeze: dist/dockferry-cxfreeze, and the same packed
    py2exe      the same by py2exe, on Windows alone: dist/dockferry-py2exe, and the same packed
    pyz         one zip that any Python from 3.8 on runs: dist/dockferry.pyz
    checksums   dist/SHA256SUMS, which the others write too

Each kind has an environment of its own below build/, with what PyPI has for it, and does nothing where nothing has
changed. UPX_DIR names the directory of an UPX that is to make the executable smaller.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, List, Sequence

import contents
import pyz

WORK, DIST = contents.ROOT / "build", contents.ROOT / "dist"
SUMS = "SHA256SUMS"
_ENDING = ".exe" if sys.platform == "win32" else ""
_ZSTD = "zstandard>=0.22; python_version < '3.14'"  # verify --deep; later Pythons have it themselves
_TOOLS: Dict[str, Sequence[str]] = {
    "exe": ("pyinstaller>=6.10", _ZSTD),
    "cxfreeze": ("cx_Freeze>=7.2", _ZSTD),
    "py2exe": ("py2exe>=0.14", _ZSTD),
    "pyz": (),
}
_INPUTS = ("LICENSE", "docker_image_puller.py", "pyproject.toml", "src/**/*.py", "src/**/*.mo")
_FROZEN = ("windows_version.py", "icon.ico", "icon.icns")
_RECIPES: Dict[str, Sequence[str]] = {
    "exe": ("dockferry.spec", *_FROZEN),
    "cxfreeze": ("cxfreeze_setup.py", *_FROZEN),
    "py2exe": ("py2exe_setup.py", *_FROZEN),
    "pyz": ("pyz.py", "pyz.txt"),
}


def exe(python: str) -> List[Path]:
    """One executable file."""
    folder = WORK / "exe"
    upx = ["--upx-dir", os.environ["UPX_DIR"]] if os.environ.get("UPX_DIR") else []  # of use on Windows alone
    places = ["--distpath", str(folder / "made"), "--workpath", str(folder / "work")]
    options = ["--noconfirm", "--log-level=WARN", *places, *upx]
    _run([python, "-m", "PyInstaller", *options, str(contents.HERE / "dockferry.spec")])
    return [_move(folder / "made" / f"{contents.NAME}{_ENDING}", DIST / f"{contents.NAME}{_ENDING}")]


def cxfreeze(python: str) -> List[Path]:
    """A directory, and the same as one packed file."""
    made = _empty("cxfreeze")
    _run([python, str(contents.HERE / "cxfreeze_setup.py"), "--quiet", "build_exe", "--build-exe", str(made)])
    return _directory(made, f"{contents.NAME}-cxfreeze")


def py2exe(python: str) -> List[Path]:
    """The same for Windows alone."""
    made = _empty("py2exe")
    _run([python, str(contents.HERE / "py2exe_setup.py"), str(made)])
    return _directory(made, f"{contents.NAME}-py2exe")


def zipped(python: str) -> List[Path]:
    """One zip for every system and every Python."""
    libraries = WORK / "pyz" / "libraries"
    pyz.fetch(python, libraries)
    made = WORK / "pyz" / "made.pyz"
    pyz.write(made, libraries)
    return [_move(made, DIST / f"{contents.NAME}.pyz")]


_MAKERS: Dict[str, Callable[[str], List[Path]]] = {"exe": exe, "cxfreeze": cxfreeze, "py2exe": py2exe, "pyz": zipped}


def build(kind: str) -> None:
    """Makes one kind, unless what it made last time is there and nothing has changed since."""
    stamp = WORK / kind / "stamp"
    made_of = _fingerprint(kind)
    before = stamp.read_text(encoding="utf-8").splitlines() if stamp.is_file() else [""]
    if before[0] == made_of and all(Path(path).exists() for path in before[1:]):
        print(f"build: {kind} is up to date", file=sys.stderr)
        return
    stamp.unlink(missing_ok=True)
    DIST.mkdir(exist_ok=True)
    made = _MAKERS[kind](environment(kind))
    stamp.write_text("\n".join([made_of, *map(str, made)]), encoding="utf-8")


def environment(kind: str) -> str:
    """The Python of an environment that has dockferry's libraries and the tool; made where it is not there yet."""
    folder = WORK / kind / "environment"
    python = str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    wanted = repr((_TOOLS[kind], sys.version, sys.base_prefix, (contents.ROOT / "pyproject.toml").read_text("utf-8")))
    ready = folder / "ready"
    if not ready.is_file() or ready.read_text("utf-8") != wanted:
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        if _TOOLS[kind]:
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*install, "--editable", f"{contents.ROOT}[fast]", *_TOOLS[kind]])
        ready.write_text(wanted, "utf-8")
    return python


def checksums() -> None:
    """Writes dist/SHA256SUMS, in the form that `sha256sum --check` reads.

    Two builds may end at the same time: whoever writes last has seen what the other made.
    """
    DIST.mkdir(exist_ok=True)
    while True:
        found = _sums()
        part = DIST / f".{SUMS}.{os.getpid()}"
        part.write_text(found, encoding="utf-8")
        part.replace(DIST / SUMS)
        if found == _sums():
            return


def _sums() -> str:
    files = [path for path in sorted(DIST.iterdir()) if path.is_file() and path.name[0] != "." and path.name != SUMS]
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def _fingerprint(kind: str) -> str:
    """A digest over all that `kind` is made of."""
    found = hashlib.sha256(repr((kind, sys.version, sys.base_prefix, os.environ.get("UPX_DIR"))).encode())
    here = [contents.HERE / name for name in ("build.py", "contents.py", "launcher.py", *_RECIPES[kind])]
    for path in [*here, *(path for pattern in _INPUTS for path in sorted(contents.ROOT.glob(pattern)))]:
        found.update(repr((path.relative_to(contents.ROOT).as_posix(), path.read_bytes())).encode())
    return found.hexdigest()


def _empty(kind: str) -> Path:
    """Where a directory is to be made: what a build that failed has left there is gone."""
    made = WORK / kind / "made"
    shutil.rmtree(made, ignore_errors=True)
    return made


def _directory(made: Path, name: str) -> List[Path]:
    target = _move(made, DIST / name)
    packed = shutil.make_archive(str(WORK / name), "zip" if sys.platform == "win32" else "gztar", DIST, name)
    return [target, _move(Path(packed), DIST / Path(packed).name)]


def _move(made: Path, target: Path) -> Path:
    """At once, in the place of what an earlier build has made."""
    if target.is_dir():
        shutil.rmtree(target)
    made.replace(target)
    return target


def _run(command: List[str]) -> None:
    folder = WORK / "tools"
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = os.pathsep.join([os.path.dirname(command[0]), kept.get("PATH", "")])  # the tools have tools of their own
    ours = {"PATH": path, "PYTHONHASHSEED": "1", "PYINSTALLER_CONFIG_DIR": str(folder)}
    subprocess.run(command, cwd=folder, env={**kept, **ours}, check=True)  # noqa: S603 - our own tools


def main(kinds: List[str]) -> int:
    unknown = [kind for kind in kinds if kind not in (*_MAKERS, "checksums")]
    if unknown or not kinds:
        print(__doc__, end="", file=sys.stderr)
        return 2
    try:
        for kind in kinds:
            if kind != "checksums":
                build(kind)
        checksums()
    except subprocess.CalledProcessError as error:
        print(f"build: wanted {error.cmd[1:4]} to succeed, it ended with {error.returncode}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
