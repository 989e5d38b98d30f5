"""This program's own data and its own command, wherever it was loaded from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dockferry
from dockferry import itself

CATALOG = "locale/zh_CN/LC_MESSAGES/dockferry.mo"
PACKAGE = Path(dockferry.__file__).parent


def say(*lines: str, before: str = "") -> str:
    """What a Python of its own prints, with nothing of ours on its path but what `before` puts there."""
    code = "\n".join(["import sys", before, "from dockferry import itself", *lines])
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def zipped(path: Path, *, with_catalog: bool) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in PACKAGE.rglob("*"):
            if file.suffix == ".py" or (with_catalog and file.suffix == ".mo"):
                archive.write(file, Path("dockferry", file.relative_to(PACKAGE)).as_posix())
    return path


def test_data_from_its_directory() -> None:
    """Installed, or in a checkout."""
    assert itself.data(CATALOG) == (PACKAGE / CATALOG).read_bytes()
    with pytest.raises(OSError, match="xx"):
        itself.data("locale/xx/LC_MESSAGES/dockferry.mo")


def test_data_from_a_zip(tmp_path: Path) -> None:
    """And the command that starts it again is that zip's."""
    archive = zipped(tmp_path / "a.pyz", with_catalog=True)
    before = f"sys.path.insert(0, {str(archive)!r})"
    assert int(say(f"print(len(itself.data({CATALOG!r})))", before=before)) == (PACKAGE / CATALOG).stat().st_size
    assert say("print(itself.command()[1:])", before=before) == repr([str(archive)])
    assert itself.command() == [sys.executable, "-m", "dockferry"]


def test_data_beside_a_program_of_py2exe(tmp_path: Path) -> None:
    """Its library is a zip of modules alone; other files stand beside the program."""
    library = zipped(tmp_path / "library.zip", with_catalog=False)
    program = tmp_path / "dockferry.exe"
    freeze = f"sys.frozen = 'console_exe'; sys.executable = {str(program)!r}; sys.path.insert(0, {str(library)!r})"
    lines = ["try:", f"    print(len(itself.data({CATALOG!r})))", "except OSError:", "    print('none')"]
    assert say(*lines, before=freeze) == "none"
    place = tmp_path / "dockferry" / CATALOG
    place.parent.mkdir(parents=True)
    shutil.copy(PACKAGE / CATALOG, place)
    assert int(say(*lines, before=freeze)) == place.stat().st_size
    assert say("print(itself.command())", before=freeze) == repr([str(program)])


def test_chinese_without_its_catalog_is_english(tmp_path: Path) -> None:
    """A build that has lost it still speaks."""
    archive = zipped(tmp_path / "a.zip", with_catalog=False)
    lines = ["from dockferry.cli import language", "language.use('zh')", "print(language.say('general'))"]
    assert say(*lines, before=f"sys.path.insert(0, {str(archive)!r})") == "general"


def test_the_environment_of_others_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, but for what PyInstaller's loader has set in a program of its own: that is taken back."""
    environ = {"A": "1", "LD_LIBRARY_PATH": "/tmp/_MEI1:/opt", "LD_LIBRARY_PATH_ORIG": "/opt"}
    assert itself.outside({"_PYI_ARCHIVE_FILE": "/usr/bin/dockferry"}) == {}
    assert itself.outside(environ) == environ
    monkeypatch.setattr(sys, "_MEIPASS", "/tmp/_MEI1", raising=False)
    assert itself.outside(environ) == {"A": "1", "LD_LIBRARY_PATH": "/opt"}
    assert itself.outside({"LD_LIBRARY_PATH": "/tmp/_MEI1"}) == {}


def test_authorities_that_were_packed_are_no_choice_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """cx_Freeze's variable is taken back, where it names a file of the program's own; the user's stays."""
    monkeypatch.setattr(sys, "prefix", "/opt/dockferry")
    packed = {"SSL_CERT_FILE": "/opt/dockferry/share/certs.pem"}
    assert itself.take_packed(packed, "SSL_CERT_FILE") is None
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    for theirs in ({"SSL_CERT_FILE": "/opt/dockferry-ca.pem"}, {}):
        assert itself.take_packed(theirs, "SSL_CERT_FILE") is None
    assert itself.take_packed(packed, "SSL_CERT_FILE") == "/opt/dockferry/share/certs.pem"
    assert packed == {}


def test_no_other_module_asks_where_it_is() -> None:
    """Frozen or zipped there is no directory of ours, and `python -m` starts nothing."""
    asking = re.compile(r"__file__|__path__|_MEIPASS|importlib\.resources|\[\s*sys\.executable")
    texts = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
    assert [name for name, text in texts.items() if asking.search(text)] == ["itself.py"]
