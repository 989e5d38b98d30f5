"""The configuration file's text: what is understood, and what a wrong word gets."""

from __future__ import annotations

import contextlib
from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockferry.config.document import Mirrored, parse_document
from dockferry.errors import UsageError

WRONG = [
    ("retrys = 3", "c.toml: no such key: 'retrys'; did you mean retries?"),
    ("x = 3", "c.toml: no such key: 'x'; there are threads, retries,"),
    ("retries = 0", "c.toml: retries: wanted a whole number from 1 to 10000, got 0; the default is 20"),
    ("retries = true", "got True"),
    ("retries = 2.5", "got 2.5"),
    ('retries = "3"', "got '3'"),
    ("threads = 21", "c.toml: threads: wanted a whole number from 1 to 20, got 21; leave it out"),
    ("idle_timeout = 0", "c.toml: idle_timeout: wanted 0.1 to 7200 seconds, got 0"),
    ("idle_timeout = nan", "got nan"),
    ("retry_max = inf", "wanted 0.1 to 86400 seconds, got inf"),
    ("piece_size = 65535", "c.toml: piece_size: wanted 65536 to 1073741824 bytes, such as "),
    ("share_from = true", "got True"),
    ('share_from = "2TB"', "got '2TB'"),
    ("MAX_RETRIES = 3", "c.toml: no such key: 'MAX_RETRIES'; did you mean retries?"),
    ('progress = "bra"', "did you mean bar?"),
    ("progress = 1", "c.toml: progress: wanted text in quotes, got 1"),
    ('proxy = "me:hunter2@p.example"', "c.toml: proxy: wanted a URL (http, "),
    ('proxy = "ftp://me:hunter2@p.example"', "got 'ftp://p.example'"),
    ("retries = ", "c.toml: wanted TOML, got "),
    ("retries = 1\nretries = 2", "c.toml: wanted TOML, got "),
    ("[" * 5000, "c.toml: wanted TOML, got "),
    ("registries = 1", "c.toml: registries: wanted a table, got 1"),
    ("[registries]\n'docker.io' = 1", 'c.toml: registries."docker.io": wanted a table, got 1'),
    ("[registries.'docker.io']\nmirror = []", "no such key: 'mirror'; did you mean mirrors?"),
    ("[registries.'docker.io']\nmirrors = 'm.example'", ".mirrors: wanted a list of mirrors"),
    ("[registries.'docker.io']\nmirrors = [1]", ".mirrors: wanted mirrors in quotes, got 1"),
    ("[registries.'docker.io']\nmirrors = ['me:hunter2@m.example']", "got a login"),
    ("[registries.'docker.io']\nmirrors = ['ftp://m.example']", "got the scheme 'ftp'"),
    ("[registries.'docker.io']\norigin = 'no'", ".origin: wanted true or false, got 'no'"),
    ("[registries.'docker.io']\norigin = false", ".origin: wanted a mirror where it is false, got none"),
    ("[registries.'docker.io']\ntrust = 1", ".trust: wanted a host in quotes, got 1"),
    ("[registries.docker.io]\nmirrors = []", 'write it in quotes, like [registries."docker.io"]'),
    ("[registries.hub]\nmirrors = []", 'registries."hub": wanted HOST[:PORT]'),
    ("[registries.'m.example/x']\nmirrors = []", "wanted HOST[:PORT]"),
    ("[registries.'']\nmirrors = []", "wanted HOST[:PORT]"),
    ("[registries.'docker.io']\n[registries.'index.docker.io']", "this is docker.io, which is there already"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_cannot_be_meant_is_refused(text: str, told: str) -> None:
    """One line that names the file, the key and the remedy, and shows no password."""
    with pytest.raises(UsageError) as caught:
        parse_document(text, "c.toml")
    line = str(caught.value)
    assert told in line
    assert line.startswith("c.toml: ")
    assert "\n" not in line
    assert "hunter2" not in line


def test_every_key_is_understood() -> None:
    """Numbers as whole or not, text, and registries by any of their names."""
    document = parse_document(
        """
        threads = 10
        retries = 5
        retry_base = 1
        retry_max = 12.5
        connect_timeout = 3
        first_byte_timeout = 60
        idle_timeout = 15
        proxy = "http://me:hunter2@p.example:3128"
        ca_cert = "company.pem"
        progress = "plain"

        [registries."registry-1.docker.io"]
        mirrors = ["docker.1ms.run", "https://m.example:8443/docker.io"]

        [registries."GHCR.io"]
        mirrors = ["m.example/ghcr.io"]
        origin = false
        trust = "m.example/ghcr.io"

        [registries."localhost:5000"]
        """,
        "c.toml",
    )
    assert document.values["retry_base"] == 1.0
    assert document.values["ca_cert"] == "company.pem"
    assert len(document.values) == 10
    assert document.registries == {
        "docker.io": Mirrored(("docker.1ms.run", "https://m.example:8443/docker.io")),
        "ghcr.io": Mirrored(("m.example/ghcr.io",), origin=False, trust="m.example/ghcr.io"),
        "localhost:5000": Mirrored(),
    }


@given(
    st.text(max_size=60)
    | st.sampled_from([text for text, _ in WRONG]).flatmap(lambda one: st.permutations(one).map("".join))
)
def test_any_text_is_a_document_or_a_usage_error(text: str) -> None:
    """Nothing else is ever raised."""
    with contextlib.suppress(UsageError):
        parse_document(text, "c.toml")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("65536", 65536),
        ('"65536"', 65536),
        ('"1MB"', 10**6),
        ('"1 MiB"', 1 << 20),
        ('"64k"', None),
        ('"100K"', 10**5),
    ],
)
def test_sizes_may_have_units(text: str, size: Optional[int]) -> None:
    """Decimal ones and binary ones; without any they are bytes."""
    if size is None:
        with pytest.raises(UsageError):
            parse_document(f"piece_size = {text}", "c.toml")
    else:
        assert parse_document(f"piece_size = {text}", "c.toml").values["piece_size"] == size
