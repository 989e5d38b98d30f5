"""The wheel that is built from this tree."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

from support.process import run

from dockferry._version import __version__

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_is_typed_and_knows_its_version(tmp_path: Path) -> None:
    """A wheel holds the marker for type checkers, the command, and the version that the package says it has."""
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    run(sys.executable, "-m", "pip", "wheel", str(ROOT), *options, "--wheel-dir", str(tmp_path))
    (wheel,) = tmp_path.iterdir()
    information = f"dockferry-{__version__}.dist-info"
    assert wheel.name == f"dockferry-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        assert "dockferry/py.typed" in names
        assert f"Version: {__version__}\n" in opened.read(f"{information}/METADATA").decode()
        assert "dockferry = dockferry.cli.main:run" in opened.read(f"{information}/entry_points.txt").decode()
    assert all(name.startswith(("dockferry/", information)) for name in names)
