"""The zip that any Python runs: nothing but Python in it, the same bytes each time, and the right libraries."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from support.programs import BUILD_SECONDS, ROOT, interpreters, too_old

from dockferry._version import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
FOLDER = ROOT / "packaging"


@pytest.fixture(scope="module")
def pyz() -> ModuleType:
    """The module that writes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FOLDER))
        spec = importlib.util.spec_from_file_location("pyz", FOLDER / "pyz.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def test_the_same_bytes_twice(pyz: ModuleType, built: Path, tmp_path: Path) -> None:
    """From the same sources, whenever, and in whatever order the file system lists them."""
    pyz.write(tmp_path / "again.pyz", ROOT / "build" / "pyz" / "libraries")
    assert (tmp_path / "again.pyz").read_bytes() == (built / "dockferry.pyz").read_bytes()
    assert (tmp_path / "again.pyz").stat().st_mode & 0o111 == 0o111


def test_what_is_in_it(built: Path) -> None:
    """All of ours, catalogs too; Python alone of others, with their licences; no times, no bytecode."""
    with zipfile.ZipFile(built / "dockferry.pyz") as archive:
        members = archive.infolist()
    names = [member.filename for member in members]
    assert names == sorted(names)
    assert {member.date_time for member in members} == {(1980, 1, 1, 0, 0, 0)}
    package = ROOT / "src" / "dockferry"
    ours = {f"dockferry/{path.relative_to(package).as_posix()}" for path in package.rglob("*.py")}
    assert ours | {"dockferry/locale/zh_CN/LC_MESSAGES/dockferry.mo", "docker_image_puller.py", "LICENSE"} <= set(
        names
    )
    assert {Path(name).suffix for name in names if ".dist-info/" not in name} == {".py", ".mo", ""}
    described = {name.partition("/")[0] for name in names if name.endswith("/METADATA")}
    licensed = {name.partition("/")[0] for name in names if "licen" in name.partition("/")[2].lower()}
    assert described == licensed


def test_a_compiled_library_is_refused(pyz: ModuleType, tmp_path: Path) -> None:
    """It would run on one system and one version only."""
    (tmp_path / "fast.so").write_bytes(b"\x7fELF")
    with pytest.raises(ValueError, match=r"fast\.so"):
        pyz.write(tmp_path / "a.pyz", tmp_path)


def test_the_libraries_are_those_that_the_package_asks_for() -> None:
    """pyz.txt has each of them, and what they need themselves, in a version that pyproject.toml allows."""
    pins = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ]+) ", (FOLDER / "pyz.txt").read_text("utf-8"), re.MULTILINE))
    named = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in map(Requirement, project["dependencies"]):
        assert requirement.specifier.contains(named[requirement.name.lower()]), requirement
    assert "pysocks" in named


def test_every_python_from_38_on_runs_it(built: Path, tmp_path: Path) -> None:
    """All that are found here; the others, between the oldest and the newest, are much the same."""
    for version, python in interpreters().items():
        command = [python, "-W", "error", str(built / "dockferry.pyz"), "--version"]
        done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.stderr) == (f"dockferry {__version__}\n", ""), version


def test_an_older_python_is_told_so(built: Path, tmp_path: Path) -> None:
    """In one line, by each that is found here; the file that they read first has no grammar that they lack."""
    ast.parse((FOLDER / "launcher.py").read_text("utf-8"), feature_version=(3, 4))
    for version, python in too_old().items():
        command = [python, str(built / "dockferry.pyz"), "--version"]
        done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), (version, done.stderr)
        assert "wanted Python 3.8 or later" in done.stderr
