"""What a log begins with: versions and the command line, without any form of a login."""

from __future__ import annotations

from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.said import assert_plain

from dockferry.cli.about import about, without_login

DIGEST = "sha256:" + 64 * "a"


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("nginx:1.27", "nginx:1.27"),
        (f"nginx@{DIGEST}", f"nginx@{DIGEST}"),
        ("docker.1ms.run,https://m.example/hub", "docker.1ms.run,https://m.example/hub"),
        ("https://u:p@m.example/x", "…@m.example/x"),
        ("u:p@m.example,n.example", "…@m.example,n.example"),
        ("--proxy=socks5://u:p@h:1", "--proxy=…@h:1"),
        ("-rhttps://u:p@h", "…@h"),
        ("http://u:a,b@h", "…@h"),
        ("http://u:a@b@h", "…@h"),
        (f"u:p@h/nginx@{DIGEST}", f"…@h/nginx@{DIGEST}"),
        ("https://h/x?sig=1&t=2,n.example", "https://h/x?…"),
        ("https://h/x#token", "https://h/x#…"),
    ],
)
def test_a_login_is_left_out(word: str, shown: str) -> None:
    """In URLs, without them, glued to an option; a digest is none."""
    assert without_login(word) == shown


@given(secret=st.text(st.characters(codec="utf-8"), min_size=8), host=st.sampled_from(["h", "m.example:5000/x"]))
def test_no_password_gets_through(secret: str, host: str) -> None:
    """Whatever stands in it."""
    secret = f"{secret}\u2603"
    for word in (f"u:{secret}@{host}", f"https://{secret}@{host}", f"--proxy=http://u:{secret}@{host}"):
        assert secret not in without_login(word)


@given(words=st.lists(st.text()))
def test_a_command_line_is_one_plain_line(words: List[str]) -> None:
    """Whatever was typed acts on no terminal that the log is shown on."""
    for line in about(["dockferry", *words]):
        assert_plain(line)


def test_without_a_command_there_is_nothing_to_say() -> None:
    """What began a log already is not said again."""
    assert about(()) == []
    assert len(about(("dockferry",))) == 2
