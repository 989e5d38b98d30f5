"""The boundary: exit codes, signals, closed pipes, and how soon the program is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Dict, List, Optional

import pytest

from dockferry import errors
from dockferry.cli import report
from dockferry.cli.each import each

CODES = {
    errors.DockferryError: 1,
    errors.UsageError: 2,
    errors.NotFoundError: 3,
    errors.AuthError: 4,
    errors.BodyError: 5,
    errors.ContentError: 6,
    errors.DiskError: 7,
    errors.Interrupted: 130,
    ValueError: 1,
    KeyboardInterrupt: 130,
}


@pytest.mark.parametrize("kind", CODES)
def test_each_error_has_its_line_and_code(kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error, and the documented exit code."""
    assert report.tell(kind("wanted this, got that")) == CODES[kind]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dockferry: ")
    assert err.count("\n") == 1


@pytest.mark.rule(12)
def test_an_unexpected_error_is_one_line_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """What a library says is put on one line, its URLs redacted."""
    report.tell(RuntimeError("bad\nthing at https://me:hunter2@host/x?sig=abc"))
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "hunter2" not in err
    assert "abc" not in err


def test_no_line_moves_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a part of a message has been through, the boundary lets no control character pass."""
    report.tell(errors.ContentError("{}: wanted this", "\x1b[2Jsly\u202e"))
    report.tell_failed(["\x1b]0;owned\x07"], 2)
    assert [char for char in capsys.readouterr().err if not char.isprintable()] == ["\n", "\n"]


def test_debug_shows_where(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With DOCKFERRY_DEBUG=1 the traceback stands before the line."""
    monkeypatch.setenv("DOCKFERRY_DEBUG", "1")
    try:
        raise RuntimeError("odd")
    except RuntimeError as error:
        report.tell(error)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("dockferry: unexpected RuntimeError: odd;")


def test_a_failure_as_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the message, the remedy and the code apart."""
    report.tell(errors.DiskError("disk full", remedy="make room"), as_json=True)
    assert json.loads(capsys.readouterr().err) == {
        "event": "failed",
        "message": "disk full",
        "remedy": "make room",
        "exit_code": 7,
    }


def test_one_failure_keeps_no_other_from_being_done(capsys: pytest.CaptureFixture[str]) -> None:
    """All are tried, failures are told as they come and once more at the end; the first gives the exit code."""
    done: List[str] = []

    def one(name: str) -> None:
        if name == "b":
            raise errors.NotFoundError("no b")
        if name == "c":
            raise errors.AuthError("no c")
        done.append(name)

    assert each(["a", "b", "c", "d"], one, as_json=False) == 3
    assert done == ["a", "d"]
    assert capsys.readouterr().err == "dockferry: no b\ndockferry: no c\ndockferry: 2 of 4 failed: b, c\n"


def test_one_alone_that_fails_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to sum up; nor is there for a program, which counts by itself."""

    def one(name: str) -> None:
        raise errors.NotFoundError(f"no {name}")

    assert each(["a"], one, as_json=False) == 3
    assert capsys.readouterr().err == "dockferry: no a\n"
    assert each(["a", "b"], one, as_json=True) == 3
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.parametrize("kind", [errors.DiskError, errors.Interrupted])
def test_a_full_disk_or_an_interruption_ends_all(kind: type) -> None:
    """What would befall the others too is raised at once."""
    done: List[str] = []

    def one(name: str) -> None:
        done.append(name)
        raise kind("stop")

    with pytest.raises(kind):
        each(["a", "b"], one, as_json=False)
    assert done == ["a"]


WAITING = """
import sys, threading
from dockferry.cli import report
from dockferry.cli.signals import interruptible
try:
    with interruptible():
        try:
            print("ready", flush=True)
            threading.Event().wait(60)
        finally:
            if "slow" in sys.argv:
                print("saving", flush=True)
                threading.Event().wait(60)
except BaseException as error:
    sys.exit(report.tell(error))
"""


def start(*words: str, ignore: bool = False) -> subprocess.Popen[str]:
    """A program that waits as a command does, in the signal handling of the boundary."""
    return subprocess.Popen(
        [sys.executable, "-c", WAITING, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) if ignore else None,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.row(51)
def test_a_signal_ends_in_order(number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal: exit 130, and how to go on."""
    with start() as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "dockferry: interrupted; run the same command again to go on\n"


def test_a_second_ctrl_c_leaves_at_once() -> None:
    """Though the program still saves its state, it is gone; only a doubled first one is passed over."""
    with start("slow") as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "saving\n"
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        assert process.returncode == 130


def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    """Under nohup a closed terminal ends nothing."""
    with start(ignore=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.count("interrupted") == 1


def test_a_reader_that_leaves_is_no_error() -> None:
    """`dockferry help pull | head -1`: quiet, with the exit code that a shell gives for a closed pipe."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "dockferry", "help", "pull"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=20,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_help_imports_nothing_heavy() -> None:
    """The program is there at once: what takes long to import is imported where it is used."""
    code = (
        "import sys\n"
        "from dockferry.cli.main import main\n"
        "main(['--help'])\n"
        "heavy = 'rich shtab urllib3 ssl http socket dataclasses inspect json asyncio hashlib'.split()\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stderr == "[]\n"


def test_python_dash_m_is_the_program() -> None:
    """`python -m dockferry --version`."""
    done = subprocess.run(
        [sys.executable, "-m", "dockferry", "--version"], capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout.startswith("dockferry ")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("given", "environment", "password"),
    [
        ("s3cret\n", {}, "s3cret"),
        ("s3cret\r\n", {}, "s3cret"),
        (" two words ", {}, " two words "),
        ("", {}, None),
        ("", {"DOCKFERRY_PASSWORD": "s3cret"}, None),
    ],
)
@pytest.mark.rule(12)
def test_the_password_comes_from_standard_input(
    given: str, environment: Dict[str, str], password: Optional[str]
) -> None:
    """All of it but one end of line; an empty one is refused."""
    code = (
        "import sys\n"
        "from dockferry.cli.access import password\n"
        "from dockferry.cli.parser import parse\n"
        "print(repr(password(parse(['tags', 'x', '-u', 'me', '--password-stdin']))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=given.encode(),
        capture_output=True,
        check=False,
        timeout=20,
        env={**os.environ, **environment},
    )
    if password is None:
        assert b"UsageError: wanted a password from standard input, got an empty one" in done.stderr
    else:
        assert done.stdout.decode().strip() == repr(password)
