"""Two languages: the catalogs are whole, the right one is chosen, and everything is said in it."""

from __future__ import annotations

import copy
import importlib.util
import json
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Dict, Iterator, Optional

import pytest
from support.command import Command

from dockferry import itself
from dockferry.cli import language, parser
from dockferry.cli.language import say
from dockferry.cli.main import main
from dockferry.cli.presenters import words
from dockferry.errors import ContentError, DiskError, UsageError
from dockferry.events import BlobDone, Retry, Warned
from dockferry.message import Message

ROOT = Path(__file__).parents[2]
DIGEST = "sha256:a3ed95caeb02" + 52 * "0"


@pytest.fixture
def chinese() -> Iterator[None]:
    language.use("zh_CN")
    yield
    language.use("en")


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """The program that gathers what is said."""
    spec = importlib.util.spec_from_file_location("messages", ROOT / "scripts" / "messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["messages"] = module  # before it is run: its own annotations are looked up there
    spec.loader.exec_module(module)
    return module


def test_the_catalogs_are_whole(messages: ModuleType) -> None:
    """Nothing that is said is missing, stale, untranslated, has other fields, or is not compiled."""
    found = [fault for name in messages.LANGUAGES for fault in messages.faults(name)]
    assert found == [], "run scripts/messages.py update, and translate"


def test_the_gatherer_finds_every_form(messages: ModuleType) -> None:
    """Errors, remedies, helps, plurals, names that hold a text, either side of a condition."""
    import ast

    text = """
WHY = "because of it"
say("one thing")
raise UsageError("{}: two things", where, remedy="do a third" if x else Message("do a fourth", y))
Message.counted("{} fifth", "{} fifths", n)
DiskError.of("sixth", path, error)
group.add_argument("--seventh", help="an eighth")
_bad("--ninth", "a tenth", got)
Warned(Message(WHY, digest))
raise ValueError("not ours"); say("{}: {}", a, b); Complaint.of("NOT_OURS")
"""
    assert set(messages.templates(ast.parse(text))) == {
        "one thing",
        "{}: two things",
        "do a third",
        "do a fourth",
        ("{} fifth", "{} fifths"),
        "sixth",
        "an eighth",
        "a tenth",
        "because of it",
    }


def test_what_goes_another_way_is_gathered_too(messages: ModuleType) -> None:
    """A kind of error chosen at run time, the text of an exception that is not ours, a resolver's own words."""
    assert {
        "the name does not resolve: {}",
        "(a URL that cannot be read)",
        "a chunk of negative size",
        "auth is not base64 of user:password",
        "getaddrinfo failed",
        "give it as --platform {}",
        "its beginning",
        "nodename nor servname provided, or not known",
        "No address associated with hostname",
        "not a regular file",
        "standard input",
        "wrong types",
        "{} is not a directory",
    } <= set(messages.gathered())


def test_a_message_of_ours_within_a_systems_error_stays_one() -> None:
    """Its template is kept, for who says it in another language; a name in it is shown clean."""
    error = DiskError.of("make", "d", NotADirectoryError(20, Message("{} is not a directory", "d")))
    assert error.message == "cannot make d: d is not a directory"
    assert getattr(error.message.parts[2], "template", None) == "{} is not a directory"


@pytest.mark.parametrize(
    ("environment", "system", "found"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "", "zh_CN"),
        ({"LANG": "zh_TW.UTF-8"}, "", "zh_CN"),
        ({"LANG": "de_DE.UTF-8"}, "", "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "", "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "", "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN"}, "", "zh_CN"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh:en"}, "", "zh_CN"),
        ({"LANG": "C", "LANGUAGE": "zh"}, "", "en"),
        ({}, "", "en"),
        ({}, "zh", "zh_CN"),
        ({"LANG": "C.UTF-8"}, "zh", "en"),
    ],
)
def test_the_locale_says_which(environment: Dict[str, str], system: str, found: str) -> None:
    """As gettext has it: LC_ALL, LC_MESSAGES, LANG; LANGUAGE first, but not in the C locale. Else the system."""
    assert language.of_locale(environment, lambda: system) == found


@pytest.mark.parametrize(
    ("line", "environment", "found"),
    [
        ("pull a --lang zh", {}, "zh"),
        ("--lang=en pull a", {"DOCKFERRY_LANG": "zh"}, "en"),
        ("pull a", {"DOCKFERRY_LANG": "zh_CN"}, "zh_CN"),
        ("pull a --lang", {}, "auto"),
        ("pull a --lang klingon", {}, "auto"),
        ("--lang en pull --lang zh", {}, "zh"),
    ],
)
def test_flag_and_variable_come_before_the_locale(line: str, environment: Dict[str, str], found: str) -> None:
    """Known before anything is parsed, as help and errors are told in it too."""
    assert language.asked(line.split(), environment) == found


@pytest.mark.usefixtures("chinese")
def test_the_manuals_log_lines() -> None:
    """Retry, failed verification and finished layer, word for word as the manual has them."""
    assert words.note(Retry(DIGEST, 3, "504 Gateway Timeout", 18.7, "m.example")) == (
        "[WARNING] 第3次重试 a3ed95caeb02 原因: 504 Gateway Timeout 等待: 18.7s 来源: m.example"
    )
    assert words.note(BlobDone(DIGEST, 7)) == "[INFO] sha256:a3ed95caeb02 下载完成"
    got = Message("{}, and {} times in all something wrong", "sha256:532ded5d", 3)
    failed = ContentError("wanted {} ({} bytes) from {}, got {}", "sha256:a3ed95ca", 7, "m.example", got)
    assert say(failed.line).startswith("校验失败: 期望 sha256:a3ed95ca 实际 sha256:532ded5d")


@pytest.mark.usefixtures("chinese")
def test_parts_are_said_too() -> None:
    """A message within a message, and the system's own words."""
    error = DiskError.of("write", "a.tar", OSError(28, "No space left on device"))
    assert say(error.line) == "无法写入 a.tar: 磁盘空间不足; 请腾出一些空间，再运行同一条命令: 已下载的部分都保留着"
    assert words.note(Warned(Message("{}; asking the next source", error.line))).startswith("[WARNING] 无法写入")  # type: ignore[union-attr]
    assert say(Message.counted("{} error", "{} errors", 2)) == "2 次错误"


def test_english_needs_no_catalog() -> None:
    """And is what a library's caller gets, whatever the language of the terminal."""
    error = UsageError(
        "{}: wanted {}, got {}", "--threads", Message("one of {}", "1, 2"), "3", remedy="see the README"
    )
    language.use("zh_CN")
    try:
        assert str(error) == "--threads: wanted one of 1, 2, got 3; see the README"
        assert error.message == "--threads: wanted one of 1, 2, got 3"
        assert json.loads(json.dumps(error.message)) == error.message
    finally:
        language.use("en")
    assert say(error.line) == str(error)


@pytest.mark.parametrize("found", [b"", b"\xde\x12\x04\x95", b"no catalog at all" * 9, None])
def test_a_damaged_catalog_means_english(found: Optional[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """As a disk that was full at the installation leaves it: the program runs."""
    whole = itself.data("locale/zh_CN/LC_MESSAGES/dockferry.mo")
    monkeypatch.setattr(itself, "data", lambda name: whole[:20] if found is None else found)
    language.use("zh_CN")
    assert say("interrupted") == "interrupted"
    language.use("en")


def test_a_message_can_be_copied_and_sent() -> None:
    """Errors are copied between threads, events become dictionaries."""
    message = Message("{}: wanted {}, got {}", "a", Message("config of {}", "b"), "c")
    for same in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert same == message
        assert same.parts == message.parts
    assert Warned(message).to_json() == {"event": "warned", "message": "a: wanted config of b, got c"}


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("command", ["", *(name for name in parser.COMMANDS)])
def test_help_is_all_in_chinese(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is longer than the terminal, and no word of English help is left."""
    from dockferry.cli.cells import width

    monkeypatch.setenv("COLUMNS", "80")
    whole = parser.build()
    shown = (whole.get_default("parsers")[command] if command else whole).format_help()
    assert "用法: " in shown
    assert "显示帮助" in shown
    for english in ("show this", "options", "usage:", " the ", " a "):
        assert english not in shown
    assert all(width(line) <= 80 for line in shown.splitlines())


def test_errors_of_the_command_line_are_said_in_the_language(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours and argparse's; the exit code is the same."""
    assert main(["pull", "--lang", "zh"]) == 2
    assert capsys.readouterr().err == "dockferry: pull: 缺少必填参数: IMAGE; 见 dockferry pull --help\n"
    assert main(["pull", "a", "-t", "21", "--lang=zh"]) == 2
    assert "--threads: 期望 1 到 20 的整数，实际 '21'" in capsys.readouterr().err
    assert main(["pull"]) == 2
    assert "required: IMAGE" in capsys.readouterr().err


def test_json_is_for_programs(tmp_path: Path) -> None:
    """Its words are English in every language."""
    done = Command(tmp_path)("pull", "Nginx", "--progress", "json", "--lang", "zh")
    assert json.loads(done.stderr)["message"].startswith("image 'Nginx': wanted")


def test_the_file_settles_it_too(tmp_path: Path) -> None:
    """`lang` in the configuration, which the flag and the variable come before."""
    (tmp_path / "my.toml").write_text('lang = "zh"\n', encoding="utf-8")
    run = Command(tmp_path)
    assert 'lang = "zh"' in run("config", "--config", "my.toml").stdout
    assert "镜像 'Nginx'" in run("tags", "Nginx", "--config", "my.toml").stderr
    assert "image 'Nginx'" in run("tags", "Nginx", "--config", "my.toml", env={"DOCKFERRY_LANG": "en"}).stderr
    assert "image 'Nginx'" in run("tags", "Nginx", "--config", "my.toml", "--lang", "en").stderr


@pytest.mark.parametrize("encoding", ["cp936", "cp437", "ascii", "utf-8"])
def test_no_console_is_too_narrow(tmp_path: Path, encoding: str) -> None:
    """A legacy code page shows Chinese where it has it and escapes where not, and nothing fails."""
    env = {"PYTHONIOENCODING": encoding, "DOCKFERRY_LANG": "zh"}
    run = Command(tmp_path)
    helped = run.raw("pull", "--help", env=env)
    failed = run.raw("pull", "Nginx", env=env)
    assert (helped.code, failed.code) == (0, 2)
    if encoding in ("cp936", "utf-8"):
        assert "用法" in helped.stdout.decode(encoding)
        assert "镜像" in failed.stderr.decode(encoding)
    else:
        assert b"\\u7528\\u6cd5" in helped.stdout
        assert b"dockferry: " in failed.stderr
