"""The grammar: what is understood, and what a wrong word gets."""

from __future__ import annotations

import pytest

from dockferry.cli import language, parser
from dockferry.cli.main import main
from dockferry.errors import UsageError

WRONG = [
    ("", "got no word; try dockferry pull IMAGE"),
    ("pul nginx", "got 'pul'; did you mean pull?"),
    ("nginx:latest", "did you mean dockferry pull nginx:latest?"),
    ("xyzzy", "got 'xyzzy'; see dockferry --help"),
    ("pull", "required: IMAGE; see dockferry pull --help"),
    ("pull a -t 0", "--threads: wanted a whole number from 1 to 20, got '0'"),
    ("pull a -t 21", "got '21'"),
    ("pull a -t ten", "got 'ten'"),
    ("pull a -t", "--threads: expected one argument; see dockferry pull --help"),
    (
        "pull a --format ocy",
        "--format: wanted one of docker, oci, oci-dir, docker-legacy, layers, got 'ocy'; did you mean oci?",
    ),
    ("pull a --progress bra", "did you mean bar?"),
    ("pull a --platfrom linux/arm64", "no such option: --platfrom; did you mean --platform?"),
    ("pull a --plat linux/arm64", "no such option: --plat"),
    ("pull a --platform a/b/c/d", "wanted a platform like linux/arm64"),
    ("pull a -a arm64 --platform linux/arm64", "not allowed with"),
    ("pull a -r x,,y", "--registry: wanted HOST[:PORT][/PREFIX]"),
    ("pull a -o -", "got '-' (an archive is written in place, not as a stream)"),
    ("pull a --ca-cert /no/such.pem", "--ca-cert: wanted a file that is there, got '/no/such.pem'"),
    ("pull a --proxy proxy.example:3128", "--proxy: wanted a URL"),
    ("tags a --token-host https://auth.example/token", "wanted a host's name alone; leave out scheme, port and path"),
    ("tags a b", "1 argument more than wanted; see dockferry tags --help"),
    ("pull a --proxy http://p:99999", "wanted SCHEME://HOST:PORT"),
    ("pull a -r me:hunter2@m.example", "mirror …@m.example: wanted [https://]HOST[:PORT][/PREFIX], got a login"),
    ("completion powershell", "wanted one of bash, zsh, tcsh"),
    ("help verfy", "did you mean verify?"),
]


@pytest.mark.parametrize(("words", "told"), WRONG)
def test_wrong_words_are_told_in_one_line(words: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, one line on standard error that says wanted, got and the remedy, nothing on standard output."""
    assert main(words.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dockferry: ")
    assert err.count("\n") == 1
    assert told in err


@pytest.mark.parametrize(
    "words",
    [
        "pull a --password=hunter2",
        "pull a --password hunter2",
        "pull a -u me:hunter2",
        "pull a --proxy me:hunter2@proxy",
        "pull a --proxy ftp://me:hunter2@proxy/",
        "--token=hunter2",
    ],
)
@pytest.mark.rule(12)
def test_a_secret_in_wrong_words_is_not_shown(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What may be a password is never repeated, however wrong the place it stands in."""
    assert main(words.split()) == 2
    assert "hunter2" not in capsys.readouterr().err


def test_an_empty_path_is_not_this_directory(capsys: pytest.CaptureFixture[str]) -> None:
    """`verify "$NOTHING"` is a mistake, and told as one."""
    assert main(["verify", ""]) == 2
    assert "ARCHIVE: wanted a path, got ''" in capsys.readouterr().err


def test_json_is_kept_where_words_are_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads JSON lines gets one for a usage error too."""
    assert main(["pull", "a", "--progress", "json", "-t", "x"]) == 2
    assert capsys.readouterr().err.startswith('{"event":"failed","message":"--threads: wanted')


def test_images_may_stand_between_options() -> None:
    """`pull a -t 5 b` means two images."""
    args = parser.parse(["pull", "a", "-t", "5", "b", "--force", "c"])
    assert args.images == ["a", "b", "c"]
    assert args.threads == 5


def test_the_language_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Its value is not taken for a command, and the command follows."""
    args = parser.parse(["--lang", "zh", "pull", "a"])
    assert (args.command, args.lang, args.images) == ("pull", "zh", ["a"])
    try:
        assert main(["--lang", "zh", "--help"]) == 0
        assert capsys.readouterr().out.startswith("用法: dockferry")
    finally:
        language.use("en")


def test_mirrors_come_by_comma_and_by_repetition() -> None:
    """Their order is kept."""
    assert parser.parse(["pull", "a", "-r", "x,y/p", "-r", "z:5000"]).mirrors == ["x", "y/p", "z:5000"]
    assert parser.parse(["pull", "a"]).mirrors == []


@pytest.mark.parametrize(
    ("words", "platform"),
    [
        ("-a arm64", "linux/arm64"),
        ("-a aarch64", "linux/arm64"),
        ("-a arm/v7", "linux/arm/v7"),
        ("--platform linux/amd64", "linux/amd64"),
        ("--platform windows/amd64", "windows/amd64"),
        ("--platform amd64", "linux/amd64"),
    ],
)
def test_platform_and_arch_give_one_platform(words: str, platform: str) -> None:
    """`-a` is short for a Linux platform."""
    assert parser.parse(["pull", "x", *words.split()]).platform == platform


def test_a_platform_given_as_arch_is_told_where_it_goes() -> None:
    """`-a linux/arm64` is an easy slip: the message has the option that takes it."""
    with pytest.raises(UsageError, match="give it as --platform linux/arm64"):
        parser.parse(["pull", "x", "-a", "linux/arm64"])


@pytest.mark.parametrize("command", [None, *parser.COMMANDS])
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_help_fits(
    command: str, columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command has its help, on standard output, no wider than the terminal or 100 columns."""
    monkeypatch.setenv("COLUMNS", columns)
    words = ["--help"] if command is None else [command, "--help"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: dockferry")
    assert err == ""
    described = out.partition("examples:")[0] if command is None else out
    if columns != "40":
        assert max(map(len, described.splitlines())) <= min(int(columns), 100)


def test_help_command_is_the_help_option(capsys: pytest.CaptureFixture[str]) -> None:
    """`help pull` and `pull --help` are the same text."""
    assert main(["help", "pull"]) == 0
    by_command = capsys.readouterr().out
    assert main(["pull", "--help"]) == 0
    assert capsys.readouterr().out == by_command


def test_no_word_exits_or_raises_past_the_parser() -> None:
    """Whatever is wrong is a UsageError, so that one boundary tells it."""
    with pytest.raises(UsageError):
        parser.parse(["pull", "a", "--nonsense"])
