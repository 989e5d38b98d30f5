"""Guided use on a real terminal: in both languages, with Ctrl-C and Ctrl-D; and that nothing is asked elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List

import pytest
from support.canaries import PASSWORD, USER, found_in, kept_in
from support.command import environment
from support.images import make_image
from support.login import GuardedRegistry
from support.manual import FIVE, LANGUAGES, SCRIPT
from support.rude import RudeServer
from support.rude_registry import RudeRegistry
from support.served import store_of
from support.terminal import Conversation, run_in_terminal

from dockferry.cli import language
from dockferry.cli.language import say
from dockferry.serve import serve

IMAGE = make_image([60_000, 40_000], seed=21)
PROGRAM, PULLER = ["-m", "dockferry"], [str(SCRIPT)]


def settings(home: Path, lang: str = "en") -> Dict[str, str]:
    return {**environment(home), "TERM": "xterm-256color", "DOCKFERRY_LANG": lang, "DOCKFERRY_RETRIES": "1"}


def talk(home: Path, program: List[str], lang: str = "en") -> Conversation:
    return Conversation([sys.executable, *program], environment=settings(home, lang), directory=home)


def said(lang: str, text: str, *parts: object) -> str:
    language.use(lang)
    try:
        return say(text, *parts)
    finally:
        language.use("en")


def begin(person: Conversation, name: str) -> None:
    """Order the image, from where it comes from usually."""
    person.answer("1.27: ", name)
    person.answer("] ", "")
    person.answer("Begin? [Y/n] ", "")


@LANGUAGES
@pytest.mark.parametrize("program", [PROGRAM, PULLER])
def test_a_pull_by_answers(tmp_path: Path, program: List[str], lang: str) -> None:
    """Started by a double click: questions in the user's language, the archive, and a key before the window goes."""
    with serve(store_of(IMAGE)) as server, talk(tmp_path, program, lang) as person:
        name = f"{server.host}/demo/app:1.0"
        person.answer(said(lang, "Image, such as nginx:1.27: "), "Nginx")
        person.hear(said(lang, "did you mean {}?", "nginx"))
        person.answer(said(lang, "Image, such as nginx:1.27: "), name)
        person.answer(said(lang, "From which registry or mirror? [{}] ", server.host), "")
        person.answer(said(lang, "Begin? [Y/n] "), "")
        person.hear("docker load -i")
        person.answer(said(lang, "Press Enter to leave. "), "")
        drawn = person.end()
    assert drawn.code == 0, drawn.text
    target = f"{server.host.replace(':', '_')}_demo_app_1.0_amd64.tar"
    assert (tmp_path / target).is_file()
    assert said(lang, "The same without questions: {}", "").strip() in drawn.text
    if program is PULLER:
        log = (tmp_path / "docker_puller.log").read_text(encoding="utf-8")
        lines = [line[20:] for line in log.splitlines()]
        assert lines[0].startswith("[INFO] dockferry ")
        assert lines[1] == "[INFO] python docker_image_puller.py"
        assert lines[lines.index(f"[INFO] pull {name}") - 1] == f"[INFO] python docker_image_puller.py {name}"
        assert f"python docker_image_puller.py {name}" in drawn.text


@pytest.mark.parametrize("program", [PROGRAM, PULLER])
def test_ctrl_d_leaves(tmp_path: Path, program: List[str]) -> None:
    """With exit code 0, and the shell's prompt on a line of its own."""
    with talk(tmp_path, program) as person:
        person.hear("nginx:1.27: ")
        person.say("\x04")
        drawn = person.end()
    assert drawn.code == 0
    assert drawn.text.endswith("nginx:1.27: \n")


@LANGUAGES
def test_ctrl_c_leaves_a_question(tmp_path: Path, lang: str) -> None:
    """With exit code 130 and one line."""
    with talk(tmp_path, PROGRAM, lang) as person:
        person.hear("nginx:1.27: ")
        person.interrupt()
        drawn = person.end()
    assert drawn.code == 130
    assert drawn.text.splitlines()[-1].startswith(f"dockferry: {said(lang, 'interrupted')}")
    assert "Traceback" not in drawn.text


def test_ctrl_c_leaves_a_download_and_keeps_it(tmp_path: Path) -> None:
    """What was downloaded is gone on from by the same answers."""
    slow = make_image([3_000_000], seed=22)
    registry = RudeRegistry(slow, rate=400_000)
    with RudeServer(registry) as server:
        name = f"{server.host}/demo/app:1.0"
        with talk(tmp_path, PROGRAM) as person:
            for answer in (name, "", ""):
                person.answer("] " if not answer else "1.27: ", answer)
            person.hear("[Global]")
            while registry.sent < 600_000:
                registry.ending.wait(0.01)
            person.interrupt()
            drawn = person.end()
        assert drawn.code == 130
        assert "interrupted" in drawn.text
        unfinished = sorted(path.suffix for path in tmp_path.iterdir() if ".tar" in path.name)
        assert unfinished == [".journal", ".part"]
        registry.rate = 2e7
        with talk(tmp_path, PROGRAM) as person:
            for answer in (name, "", ""):
                person.answer("] " if not answer else "1.27: ", answer)
            person.hear("resuming")
            person.answer("Press Enter to leave. ", "")
            assert person.end().code == 0
    assert [path.suffix for path in tmp_path.iterdir() if ".tar" in path.name] == [".tar"]


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    """Nor logged, nor kept in any file; what was typed for it gets the image."""
    with RudeServer(GuardedRegistry(IMAGE)) as server, talk(tmp_path, PULLER) as person:
        person.answer("1.27: ", f"{server.host}/demo/app:1.0")
        person.answer("] ", "")
        person.answer("User name", USER)
        person.answer(f"Password of {USER}: ", PASSWORD)
        person.answer("Begin? [Y/n] ", "")
        person.answer("Press Enter to leave. ", "")
        drawn = person.end()
    assert drawn.code == 0, drawn.text
    assert found_in(drawn.raw) == []
    assert kept_in(tmp_path) == {}
    assert len(list(tmp_path.glob("*.tar"))) == 1


def test_a_fault_stays_on_the_screen(tmp_path: Path) -> None:
    """A window that closes at once would tell nobody what is wrong with the configuration."""
    (tmp_path / "c.toml").write_text("MAX_RETRIES = 3\n")
    env = {**settings(tmp_path), "DOCKFERRY_CONFIG": "c.toml"}
    with Conversation([sys.executable, *PROGRAM], environment=env, directory=tmp_path) as person:
        person.hear("c.toml: no such key: 'MAX_RETRIES'; did you mean retries?")
        person.answer("Press Enter to leave. ", "")
        assert person.end().code == 2


@pytest.mark.parametrize("program", [PROGRAM, PULLER])
def test_nothing_is_asked_on_a_pipe(tmp_path: Path, program: List[str]) -> None:
    """Without words it is wrong usage, as it ever was, whatever stands in the pipe."""
    done = subprocess.run(
        [sys.executable, *program],
        cwd=tmp_path,
        env=settings(tmp_path),
        input="nginx\n\n\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "1.27: " not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("program", [PROGRAM, PULLER])
def test_nothing_is_asked_where_nobody_would_see_it(tmp_path: Path, program: List[str]) -> None:
    """Standard error in a file: the questions would stand there, and the program for ever."""
    master, slave = os.openpty()
    try:
        done = subprocess.run(
            [sys.executable, *program],
            cwd=tmp_path,
            env=settings(tmp_path),
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    finally:
        os.close(slave)
        os.close(master)
    assert done.returncode == 2


def test_a_pipe_that_nobody_reads_is_no_fault(tmp_path: Path) -> None:
    """`dockferry | true` ends as all that write to a closed pipe: nothing is told, and no key is waited for."""
    with serve(store_of(IMAGE)) as server:
        shell = ["bash", "-c", f'set -o pipefail; "{sys.executable}" -m dockferry | true']
        with Conversation(shell, environment=settings(tmp_path), directory=tmp_path) as person:
            begin(person, f"{server.host}/demo/app:1.0")
            drawn = person.end()
    assert drawn.code == 141
    assert "fault of dockferry" not in drawn.text


def test_ctrl_d_gives_no_password(tmp_path: Path) -> None:
    """`-u` asks on a terminal; the end of input there is an empty answer."""
    words = [sys.executable, "-m", "dockferry", "pull", "nginx", "-u", "me"]
    with Conversation(words, environment=settings(tmp_path), directory=tmp_path) as person:
        person.hear("Password of me: ")
        person.say("\x04")
        drawn = person.end()
    assert drawn.code == 2
    assert "wanted a password from the terminal, got an empty one" in drawn.text


def test_the_path_alone_goes_to_a_pipe(tmp_path: Path) -> None:
    """`docker load -i "$(dockferry)"` asks on the terminal, and gives the archive's path."""
    with serve(store_of(IMAGE)) as server:
        shell = ["sh", "-c", f'"{sys.executable}" -m dockferry >result']
        with Conversation(shell, environment=settings(tmp_path), directory=tmp_path) as person:
            begin(person, f"{server.host}/demo/app:1.0")
            person.answer("Press Enter to leave. ", "")
            assert person.end().code == 0
    target = (tmp_path / "result").read_text().strip()
    assert (tmp_path / target).is_file()


def test_words_are_never_followed_by_a_question(tmp_path: Path) -> None:
    """On a terminal too: a pull with arguments ends without a key."""
    with serve(store_of(FIVE)) as server:
        command = [sys.executable, *PROGRAM, "pull", f"{server.host}/demo/app:1.0"]
        drawn = run_in_terminal(command, environment=settings(tmp_path), directory=tmp_path)
        assert drawn.code == 0, drawn.text
        assert "Enter" not in drawn.text
        command[-1] = f"{server.host}/demo/app:none"
        assert run_in_terminal(command, environment=settings(tmp_path), directory=tmp_path).code == 3


@pytest.mark.parametrize("flag", ["-y", "--yes"])
def test_yes_asks_for_no_password(tmp_path: Path, flag: str) -> None:
    """A script on a terminal gets an error in place of a question that nobody answers."""
    with RudeServer(GuardedRegistry(IMAGE)) as server:
        words = ["pull", f"{server.host}/demo/app:1.0", "-u", USER]
        drawn = run_in_terminal(
            [sys.executable, *PROGRAM, *words, flag], environment=settings(tmp_path), directory=tmp_path
        )
        assert drawn.code == 2
        assert "--username: wanted a password for it, got none" in drawn.text
        asking = Conversation([sys.executable, *PROGRAM, *words], environment=settings(tmp_path), directory=tmp_path)
        with asking as person:
            person.answer(f"Password of {USER}: ", PASSWORD)
            assert person.end().code == 0
