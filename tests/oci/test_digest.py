"""Digests: one form, safe in a path and a URL, or refused before use."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockferry.errors import ContentError
from dockferry.oci.digest import Digest

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha512:{HEX}{HEX}"])
def test_good(text: str) -> None:
    """Both algorithms of the spec come back as they were written."""
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "sha256",
        "sha256:",
        HEX,
        f":{HEX}",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"sha256:{HEX}\n",
        f"sha256:{HEX}\r\nX: y",
        f"\nsha256:{HEX}",
        f" sha256:{HEX}",
        f"sha256: {HEX}",
        f"sha256::{HEX}",
        f"sha256:{HEX[:-1]}g",
        f"sha256:{HEX}{HEX}",
        f"sha512:{HEX}",
        f"sha1:{HEX[:40]}",
        f"md5:{HEX[:32]}",
        f"sha384:{HEX}{HEX[:32]}",
        f"sha256+b64:{HEX}",
        f"sha256/{HEX}",
        "sha256:../../../../etc/passwd",
        "sha256:" + "../" * 21 + "a",
        "sha256:" + "/" * 64,
        "sha256:" + "." * 64,
        "sha256:" + "%2e" * 21 + "a",
        "sha256:" + "０" * 64,
        "sha256:" + "٠" * 64,
        "sha256:" + "\0" * 64,
        "sha256:" + "a" * 63 + "\u0301",
        "sha256:" + "\ud800" * 64,
        "a" * 10**6,
        None,
        7,
        True,
        b"sha256:" + HEX.encode(),
        ["sha256", HEX],
        {"sha256": HEX},
    ],
)
@pytest.mark.row(37)
@pytest.mark.rule(7)
def test_bad(text: object) -> None:
    """Anything else is a content error on one short clean line, whatever its type."""
    with pytest.raises(ContentError, match="wanted a digest") as caught:
        Digest.parse(text)
    assert caught.value.exit_code == 6
    assert len(str(caught.value)) < 250
    assert all(char.isprintable() for char in str(caught.value))


def test_the_error_says_where_from() -> None:
    """A bad digest in a document is reported with the document."""
    with pytest.raises(ContentError, match=r"^reg\.example app:1: wanted a digest"):
        Digest.parse("x", "reg.example app:1")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_of(algorithm: str) -> None:
    """The digest of bytes is the library's, and parses."""
    found = Digest.of(b"bytes", algorithm)
    assert found.hex == hashlib.new(algorithm, b"bytes").hexdigest()
    assert Digest.parse(str(found)) == found
    hasher = found.hasher()
    hasher.update(b"bytes")
    assert hasher.hexdigest() == found.hex
    assert found.short == found.hex[:12]


def test_equal_digests_are_one_key() -> None:
    """Digests are values: repeated layers meet in one entry of a table."""
    assert len({Digest.of(b"a"), Digest.of(b"a"), Digest.of(b"b")}) == 2


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.from_regex(r"sha(256|512):[0-9a-fA-F]{62,66}\n?", fullmatch=True))
@pytest.mark.rule(7)
def test_fuzz(text: str) -> None:
    """Any text is a digest in its one form, or ContentError."""
    try:
        found = Digest.parse(text)
    except ContentError:
        return
    assert str(found) == text
    assert len(found.hex) == {"sha256": 64, "sha512": 128}[found.algorithm]
    assert set(found.hex) <= set("0123456789abcdef")
