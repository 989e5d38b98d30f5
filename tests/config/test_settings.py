"""Which word counts, where it comes from, and where the file is looked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Callable, Dict, Mapping

import pytest

from dockferry.config.document import Document, parse_document
from dockferry.config.files import load, place
from dockferry.config.settings import DEFAULT, merge
from dockferry.config.table import SETTINGS
from dockferry.errors import DiskError, UsageError
from dockferry.system.settings_home import on_macos, on_unix, on_windows
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.sharing import Sharing

Home = Callable[[Mapping[str, str]], str]


def test_flag_before_environment_before_file_before_default() -> None:
    """Of each setting the first that is there counts, and its source is known."""
    document = parse_document("retries = 3\nretry_base = 3\nretry_max = 3", "c.toml")
    environment = {"DOCKFERRY_RETRIES": "2", "DOCKFERRY_RETRY_BASE": "2.5", "DOCKFERRY_RETRY_MAX": ""}
    settings = merge({"retries": 1}, environment, document)
    assert (settings.retries, settings.sources["retries"]) == (1, "--retries")
    assert (settings.retry_base, settings.sources["retry_base"]) == (2.5, "DOCKFERRY_RETRY_BASE")
    assert (settings.retry_max, settings.sources["retry_max"]) == (3.0, "c.toml")
    assert (settings.idle_timeout, settings.sources["idle_timeout"]) == (30.0, DEFAULT)
    assert settings.maybe_retry() == RetryPolicy(1, 2.5, 3.0, contact=None)


def test_tries_that_are_asked_for_are_made() -> None:
    """A number of tries holds for a host that was never reached; other waits alone do not change when that ends."""
    asked, other = merge({"retries": 30}, {}, Document()), merge({"retry_base": 1.0}, {}, Document())
    assert asked.maybe_retry() == RetryPolicy(30, contact=None)
    assert other.maybe_retry() == RetryPolicy(base=1.0)


def test_the_defaults_are_those_of_the_parts_that_use_them() -> None:
    """The table, which help and README repeat, says what the engine and the transport do by themselves."""
    from dockferry import Access

    settings = merge({}, {}, Document())
    policy, access = RetryPolicy(), Access()
    assert settings.maybe_retry() is None
    assert (settings.retries, settings.retry_base, settings.retry_max) == (
        policy.attempts,
        policy.base,
        policy.longest,
    )
    assert settings.connect_timeout == access.connect_timeout
    assert settings.first_byte_timeout == access.first_byte_timeout
    assert settings.idle_timeout == access.idle_timeout
    assert settings.maybe_sharing() is None
    assert merge({"share_from": 1}, {}, Document()).maybe_sharing() == Sharing(None, 1)
    assert set(settings.sources.values()) == {DEFAULT}


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("DOCKFERRY_RETRIES", "many", "DOCKFERRY_RETRIES: wanted a whole number from 1 to 10000, got 'many'"),
        ("DOCKFERRY_IDLE_TIMEOUT", "30s", "DOCKFERRY_IDLE_TIMEOUT: wanted 0.1 to 7200 seconds, got '30s'"),
        ("DOCKFERRY_THREADS", "99", "DOCKFERRY_THREADS: wanted a whole number from 1 to 20, got '99'"),
        (
            "DOCKFERRY_PIECE_SIZE",
            "1kB",
            "wanted 65536 to 1073741824 bytes, such as 262144, 500MB or 256KiB, got '1kB'",
        ),
        ("DOCKFERRY_PROGRESS", "bars", "did you mean bar?"),
        ("DOCKFERRY_MAX_RETRIES", "3", "DOCKFERRY_MAX_RETRIES: wanted a setting, got no such variable; did you mean"),
        ("DOCKFERRY_PROXY", "me:hunter2@p.example", "DOCKFERRY_PROXY: wanted a URL"),
        ("DOCKFERRY_CA_CERT", "/no/such.pem", "DOCKFERRY_CA_CERT: wanted a file that is there, got '/no/such.pem'"),
        ("DOCKFERRY_CONFIG", "no/such.toml", "wanted a configuration file, got none"),
    ],
)
def test_a_variable_that_cannot_be_meant_is_named(variable: str, text: str, told: str) -> None:
    """One line with the variable's name, and no password."""
    with pytest.raises(UsageError) as caught:
        load({}, {"DOCKFERRY_CONFIG": os.devnull, variable: text}, None)
    assert told in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("home", "environment", "wanted"),
    [
        (on_unix, {}, "~/.config/dockferry/config.toml"),
        (on_unix, {"XDG_CONFIG_HOME": "/x"}, "/x/dockferry/config.toml"),
        (on_unix, {"XDG_CONFIG_HOME": "relative"}, "~/.config/dockferry/config.toml"),
        (on_macos, {"XDG_CONFIG_HOME": "/x"}, "~/Library/Application Support/dockferry/config.toml"),
        (on_windows, {"APPDATA": "/roaming"}, "/roaming/dockferry/config.toml"),
        (on_unix, {"DOCKFERRY_CONFIG": "/etc/d.toml", "XDG_CONFIG_HOME": "/x"}, "/etc/d.toml"),
    ],
)
def test_the_file_is_where_each_system_has_such_files(home: Home, environment: Dict[str, str], wanted: str) -> None:
    """Linux, macOS and Windows; a file that is named comes first."""
    assert place(environment, None, home) == Path(os.path.expanduser(wanted))
    assert place(environment, "mine.toml", home) == Path("mine.toml")


def test_a_file_that_was_not_asked_for_need_not_be_there(tmp_path: Path) -> None:
    """Without one the defaults count; one that was named must be there."""
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path)}
    if sys.platform != "darwin":
        assert set(load({}, environment, None).sources.values()) == {DEFAULT}
    with pytest.raises(UsageError, match=r"none\.toml: wanted a configuration file, got none"):
        load({}, environment, str(tmp_path / "none.toml"))


def test_a_relative_certificate_file_stands_beside_the_configuration(tmp_path: Path) -> None:
    """Wherever the command is run."""
    (tmp_path / "company.pem").write_text("-")
    config = tmp_path / "c.toml"
    config.write_bytes(b'\xef\xbb\xbfca_cert = "company.pem"\r\n')
    assert load({}, {}, str(config)).ca_cert == str(tmp_path / "company.pem")
    config.write_text('ca_cert = "gone.pem"')
    with pytest.raises(UsageError, match=r"c\.toml: ca_cert: wanted a file that is there"):
        load({}, {}, str(config))
    assert load({"ca_cert": "mine.pem"}, {}, str(config)).ca_cert == "mine.pem"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """Not UTF-8, endless, or a directory."""
    config = tmp_path / "c.toml"
    config.write_bytes(b'progress = "\xff"')
    with pytest.raises(UsageError, match=r"c\.toml: wanted UTF-8, got something else at byte 12"):
        load({}, {}, str(config))
    config.write_bytes(b"#" * (2 << 20))
    with pytest.raises(UsageError, match="at most 1048576 bytes"):
        load({}, {}, str(config))
    with pytest.raises(DiskError, match="cannot read"):
        load({}, {}, str(tmp_path))


def test_each_setting_has_a_flag() -> None:
    """One word, three spellings: of the file's keys every one is an option of pull."""
    from dockferry.cli import parser

    known = parser.build().get_default("parsers")["pull"].known_options()
    assert {setting.flag for setting in SETTINGS} <= set(known)


def test_the_readme_has_the_table() -> None:
    """Every setting with its three spellings, its default and its bounds."""
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    for setting in SETTINGS:
        row = next(line for line in readme.splitlines() if line.startswith(f"| `{setting.name}` |"))
        assert f"`{setting.flag}`" in row
        assert f"`{setting.variable}`" in row
        if setting.high:
            assert f" {setting.low:g} – {setting.high:.15g}" in row
        if isinstance(setting.default, (int, float)):
            assert f"| {setting.default:g} |" in row
