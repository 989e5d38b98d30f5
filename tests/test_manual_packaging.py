"""The manual's chapter on packaging, as far as it is about running: windows that close at once, paths, consoles."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.command import environment
from support.manual import LANGUAGES, SCRIPT
from support.terminal import Conversation


@LANGUAGES
def test_a_window_does_not_close_at_once(tmp_path: Path, lang: str) -> None:
    """Started by a double click it asks; where it cannot even begin it says why, and waits for a key."""
    env = {**environment(tmp_path), "TERM": "xterm", "DOCKFERRY_LANG": lang, "DOCKFERRY_CONFIG": "c.toml"}
    (tmp_path / "c.toml").write_text("retries = 0\n")
    with Conversation([sys.executable, str(SCRIPT)], environment=env, directory=tmp_path) as person:
        person.hear("c.toml: retries: ")
        person.hear("Enter" if lang == "en" else "回车")
        person.say("\r")
        assert person.end().code == 2
    (tmp_path / "c.toml").write_text("retries = 1\n")
    with Conversation([sys.executable, str(SCRIPT)], environment=env, directory=tmp_path) as person:
        person.answer("1.27: ", "Nginx")
        person.hear("'Nginx'")
        person.hear("1.27: ")
        person.say("\x04")
        assert person.end().code == 0


@pytest.mark.parametrize("way", ["elsewhere", "link"])
def test_its_files_are_found_from_anywhere(tmp_path: Path, way: str) -> None:
    """The catalogs stand beside the code, wherever that was put and whatever directory it is started in."""
    place = tmp_path / "程序"
    place.mkdir()
    shutil.copy2(SCRIPT, place)
    shutil.copytree(SCRIPT.parent / "src", place / "src", ignore=shutil.ignore_patterns("__pycache__"))
    work = tmp_path / "work"
    work.mkdir()
    (work / "linked").symlink_to(place)
    script = place / SCRIPT.name if way == "elsewhere" else work / "linked" / SCRIPT.name
    done = subprocess.run(
        [sys.executable, str(script), "--help"],
        cwd=work,
        env={**environment(tmp_path), "PYTHONPATH": "", "DOCKFERRY_LANG": "zh_CN"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert "显示帮助" in done.stdout.decode()


@LANGUAGES
@pytest.mark.parametrize("encoding", ["cp936", "cp437", "ascii"])
def test_an_old_console_shows_what_it_can(tmp_path: Path, lang: str, encoding: str) -> None:
    """Help and errors, in Chinese where its code page has that; nothing fails."""
    env = {**environment(tmp_path), "DOCKFERRY_LANG": lang, "PYTHONIOENCODING": encoding}
    for words, code in ((["--help"], 0), ([], 2), (["Nginx"], 2)):
        done = subprocess.run(
            [sys.executable, str(SCRIPT), *words],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
        shown = (done.stdout + done.stderr).decode(encoding)
        assert done.returncode == code, shown
        assert "Traceback" not in shown
        if lang == "zh_CN" and encoding == "cp936" and words:
            assert "用法" in shown or "镜像" in shown
