"""JSON from strangers: every ambiguity and every excess is refused, with the document's name."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockferry.errors import ContentError
from dockferry.oci.strict_json import MAX_DEPTH, parse_object, refuse_lookalikes


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"{",
        b"}",
        b"{}{}",
        b"{} x",
        b"{'a': 1}",
        b"{a: 1}",
        b'{"a": 1,}',
        b'{"a": 01}',
        b'{"a": +1}',
        b'{"a": .5}',
        b'{"a": 0x10}',
        b'{"a": tru}',
        b'{"a": "line\nbreak"}',
        b'{"a": "\\x"}',
        b'{"a": 1 /* comment */}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": 1' + b"0" * 400 + b".0}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": -' + b"9" * 30 + b"}",
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"b": {"a": 1, "a": 2}}',
        b'{"b": [{"a": 1, "a": 2}]}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": "\xc0\xaf"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": 1}\0',
        b"\0" * 100,
        b"\x1f\x8b\x08\0\0\0\0\0",
        b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b"[" * 100000,
        b'{"a":' * 100000,
        b"[" * 100000 + b"]" * 100000,
    ],
)
@pytest.mark.row(34)
def test_refused(raw: bytes) -> None:
    """What is no single, finite, unambiguous JSON object in UTF-8 is refused by name, on one clean line."""
    with pytest.raises(ContentError, match=r"^app:1 at reg\.example: wanted") as caught:
        parse_object(raw, "app:1 at reg.example")
    assert caught.value.exit_code == 6
    assert len(str(caught.value)) < 400
    assert all(char.isprintable() for char in str(caught.value))


@pytest.mark.parametrize("raw", [b"<html>", b"\r\n <!DOCTYPE html><title>Log in</title>"])
def test_a_captive_portal_is_named(raw: bytes) -> None:
    """An HTML page with 200 in a manifest's place: the error says what answered, and for whom."""
    with pytest.raises(ContentError, match=r"reg\.example.*captive portal"):
        parse_object(raw, "app:1 at reg.example")


def test_size_is_bounded() -> None:
    """One byte above the limit is refused before anything is parsed."""
    raw = b'{"a": "' + b"x" * 91 + b'"}'
    assert len(raw) == 100
    assert parse_object(raw, "x", 100) == {"a": "x" * 91}
    with pytest.raises(ContentError, match="at most 99 bytes, got 100"):
        parse_object(raw, "x", 99)


@pytest.mark.row(34)
def test_depth_is_bounded_exactly() -> None:
    """Nesting up to the limit is taken; brackets in strings are no nesting."""
    deepest = b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert list(parse_object(deepest, "x")) == ["a"]
    text = "[{" * 500 + '\\"' + "[{" * 500
    assert parse_object(json.dumps({"a": text}).encode(), "x") == {"a": text}


def test_common_documents_are_taken() -> None:
    """Large but honest numbers, escapes, other scripts and empty strings are all fine."""
    value = {"size": 2**62, "n": -1, "f": 1.5e300, "t": 'é 🐳 "\\\n', "": None, "l": [True, {}], "A": 1, "a": 2}
    assert parse_object(json.dumps(value).encode(), "x") == value
    assert parse_object(json.dumps(value, ensure_ascii=False).encode(), "x") == value


@pytest.mark.parametrize(
    "raw", [b'{"a":"' + b"\\" * (4 << 20), b"[" * (4 << 20), b'{"a":' + b"[]," * (1 << 20), b'"' * (4 << 20)]
)
def test_four_megabytes_of_garbage_take_seconds_at_most(raw: bytes) -> None:
    """The longest garbage costs no more than the longest good document."""
    started = time.perf_counter()
    with pytest.raises(ContentError):
        parse_object(raw[: 4 << 20], "x")
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("key", ["Layers", "LAYERS", "layerS", "layer\u017f"])
@pytest.mark.rule(6)
def test_keys_that_only_differ_by_case(key: str) -> None:
    """`Layers` is `layers` to Go's decoder, and so is a long s: such a document is ambiguous."""
    with pytest.raises(ContentError, match="ambiguous"):
        refuse_lookalikes({"layers": [], key: []}, frozenset(["layers"]), "x")
    refuse_lookalikes({"layers": [], "other": 1, "Other": 2}, frozenset(["layers"]), "x")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_any_object_is_read_as_the_library_reads_it(value: dict) -> None:
    """Strict takes nothing away from honest JSON."""
    raw = json.dumps(value).encode()
    assert parse_object(raw, "x") == json.loads(raw)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80) | st.text(alphabet='{}[]":,0e.-+Na\\u \n', max_size=60).map(str.encode))
def test_fuzz(raw: bytes) -> None:
    """Any bytes are an object or ContentError."""
    with contextlib.suppress(ContentError):
        assert isinstance(parse_object(raw, "x"), dict)
