"""The builder: quick where nothing changed, true checksums, recipes for other systems that ask for what there is."""

from __future__ import annotations

import ast
import hashlib
import py_compile
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest
from PIL import Image
from support import programs
from support.process import run
from support.programs import BUILD_SECONDS, ROOT

from dockferry._version import __version__

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
FOLDER = ROOT / "packaging"


@pytest.fixture(autouse=True)
def _builders_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The builder's own modules can be imported, and are forgotten afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in ("contents", "windows_version", "icon"):
        sys.modules.pop(name, None)


def calls(path: Path, name: str) -> List[ast.Call]:
    """The calls of `name` in a file."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if isinstance(call.func, ast.Name) and call.func.id == name]


def keys(node: ast.AST) -> Set[str]:
    """A dictionary's keys, as it is written."""
    assert isinstance(node, ast.Dict)
    return {key.value for key in node.keys if isinstance(key, ast.Constant)}


def parameters(tree: ast.AST, name: str) -> Set[str]:
    """Those of the first function, or of the class, called `name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return parameters(node, "__init__")
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return {argument.arg for argument in [*node.args.args, *node.args.kwonlyargs]}
    raise AssertionError(f"there is no {name}")


def test_nothing_is_built_twice(built: Path) -> None:
    """A second time it takes moments, and leaves every file as it is."""
    files = [built / "dockferry", built / "dockferry.pyz", built / "dockferry-cxfreeze" / "dockferry"]
    before = [file.stat().st_mtime_ns for file in files]
    started = time.monotonic()
    programs.build()
    assert time.monotonic() - started < 10
    assert [file.stat().st_mtime_ns for file in files] == before


def test_the_checksums_are_true(built: Path) -> None:
    """SHA256SUMS has every file that is handed out, in the form that sha256sum reads."""
    lines = dict(line.split("  ")[::-1] for line in (built / "SHA256SUMS").read_text().splitlines())
    files = [path for path in built.iterdir() if path.is_file() and path.name != "SHA256SUMS"]
    assert lines == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {"dockferry", "dockferry.pyz", "dockferry-cxfreeze.tar.gz"} <= lines.keys()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=built, check=True)


def test_unknown_words_are_refused(tmp_path: Path) -> None:
    """With what may be said, and nothing is built."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / "build.py"), "msi"], capture_output=True, text=True, cwd=tmp_path, timeout=30
    )
    assert done.returncode == 2
    assert "py2exe" in done.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.py")))
def test_recipes_compile(name: str, tmp_path: Path) -> None:
    """Those too that only another system runs."""
    py_compile.compile(str(FOLDER / name), cfile=str(tmp_path / "out"), doraise=True)


def test_what_the_py2exe_recipe_asks_for_is_there(tmp_path: Path) -> None:
    """Each keyword and option of it is one of py2exe's own, as PyPI has it for Windows."""
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    windows = ["--platform=win_amd64", "--python-version=3.12", "--implementation=cp"]
    run(sys.executable, "-m", "pip", "download", *options, *windows, "py2exe>=0.14", "--dest", str(tmp_path))
    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as opened:
        sources = {name: opened.read(name).decode("utf-8") for name in opened.namelist() if name.endswith(".py")}
    freezing = next(text for name, text in sources.items() if "def freeze(" in text)
    (freeze,) = calls(FOLDER / "py2exe_setup.py", "freeze")
    assert "freeze" in sources["py2exe/__init__.py"]
    given = {word.arg: word.value for word in freeze.keywords if word.arg}
    assert given.keys() <= parameters(ast.parse(freezing), "freeze")
    for name in ("options", "version_info"):
        for key in keys(given[name]):
            assert f'{name}.get("{key}"' in freezing, key


def test_the_windows_version_is_dockferrys(built: Path) -> None:
    """And is written in words that PyInstaller has."""
    import windows_version

    text = windows_version.text(__version__)
    module = next((ROOT / "build" / "exe" / "environment").rglob("utils/win32/versioninfo.py"))
    theirs = ast.parse(module.read_text("utf-8"))
    used: Dict[str, Set[str]] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            used.setdefault(node.func.id, set()).update(word.arg for word in node.keywords if word.arg)
    assert used.keys() >= {"VSVersionInfo", "FixedFileInfo", "StringFileInfo", "StringStruct", "VarStruct"}
    for name, words in used.items():
        assert words <= parameters(theirs, name), name
    assert repr(__version__) in text
    assert windows_version.numbers("1.2.3") == windows_version.numbers("1.2.3rc4") == (1, 2, 3, 0)
    assert windows_version.numbers("7") == (7, 0, 0, 0)


def test_the_icon_is_the_drawing(tmp_path: Path) -> None:
    """Every size that Windows shows is in it, and what is kept is what the script draws."""
    import icon

    icon.main(tmp_path)
    with Image.open(FOLDER / "icon.ico") as kept, Image.open(tmp_path / "icon.ico") as drawn:
        assert kept.info["sizes"] == drawn.info["sizes"] == {(side, side) for side in icon.SIZES}
        pixels = [image.convert("RGBA").resize((32, 32)).tobytes() for image in (kept, drawn)]
    assert max(abs(one - other) for one, other in zip(*pixels)) < 16
    with Image.open(FOLDER / "icon.icns") as for_macos:
        assert for_macos.size == (1024, 1024)


def test_the_document_names_what_is_there() -> None:
    """Files, targets of the Makefile, and what the builder makes."""
    text = (ROOT / "docs" / "packaging.md").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", text))
    assert {"exe", "exe-cxfreeze", "pyz"} <= named <= targets
    for path in re.findall(r"\b(?:packaging|src|\.github)/[\w/.-]*\w", text):
        assert (ROOT / path).is_file(), path
    assert set(re.findall(r"build\.py (\w+)", text)) == {"exe", "py2exe", "checksums"}


def test_what_is_packed_is_what_is_there() -> None:
    """Every module and catalog of ours is named to the tools that cannot find them all."""
    import contents

    assert contents.version() == __version__
    assert {"dockferry.cli.main", "dockferry.usecases.pull", "docker_image_puller"} <= set(contents.own_modules())
    assert [directory for _, directory in contents.catalogs()] == ["dockferry/locale/zh_CN/LC_MESSAGES"]
    assert {"rich", "shtab", "socks", "urllib3"} <= set(contents.libraries())
    assert contents.modules_of("socks") == ["socks"]
    assert {"rich", "rich.console", "rich._unicode_data.unicode17-0-0"} <= set(contents.modules_of("rich"))
