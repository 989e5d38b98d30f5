"""One reply, one verdict."""

from __future__ import annotations

from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockferry.errors import AuthError, BodyError, BusyError, DockferryError, NotFoundError, ReplyError, RequestError
from dockferry.registry.complaint import Complaint
from dockferry.registry.headers import Headers, retry_after
from dockferry.registry.judge import (
    AskWhole,
    Deliver,
    Redirected,
    Refused,
    Verdict,
    Wanted,
    judge,
    refusal,
)

PART = Wanted(100, 200, 1000, True, "blob sha256:abc", "r.example")
START = Wanted(0, 200, 1000, True, "blob sha256:abc", "r.example")
WHOLE = Wanted(0, 1000, 1000, False, "blob sha256:abc", "r.example")
Fields = List[Tuple[str, str]]
SILENT = Complaint()


def verdict(wanted: Wanted, status: int, *fields: Tuple[str, str], said: Complaint = SILENT) -> Verdict:
    return judge(wanted, status, Headers(fields), said, 0.0)


def error_of(found: Verdict) -> DockferryError:
    assert isinstance(found, Refused)
    return found.error


@pytest.mark.parametrize(
    ("wanted", "status", "fields", "start", "end"),
    [
        (PART, 206, [("Content-Range", "bytes 100-199/1000")], 100, 200),
        (PART, 206, [("Content-Range", "bytes 100-199/1000"), ("Content-Length", "100")], 100, 200),
        (PART, 206, [("content-range", "Bytes 100-199/*")], 100, 200),
        (PART, 206, [("Content-Range", "bytes 100-149/1000"), ("Content-Length", "50")], 100, 150),
        (PART, 200, [("Content-Length", "1000")], 0, 1000),
        (PART, 200, [("Transfer-Encoding", "chunked"), ("Content-Length", "7")], 0, 1000),
        (PART, 200, [], 0, 1000),
        (WHOLE, 200, [("Content-Encoding", "identity"), ("Content-Length", "1000")], 0, 1000),
        (WHOLE, 206, [("Content-Range", "bytes 0-999/1000")], 0, 1000),
    ],
)
def test_delivers(wanted: Wanted, status: int, fields: Fields, start: int, end: int) -> None:
    """A reply that says clearly which bytes it carries delivers those."""
    assert verdict(wanted, status, *fields) == Deliver(start, end)


@pytest.mark.parametrize(
    ("wanted", "status", "fields", "kind"),
    [
        (WHOLE, 206, [], ReplyError),
        (WHOLE, 206, [("Content-Range", "bytes 1-999/1000")], ReplyError),
        (WHOLE, 206, [("Content-Range", "bytes 0-999/999")], ReplyError),
        (WHOLE, 206, [("Content-Range", "bytes 0-99/1000"), ("Content-Type", "multipart/byteranges")], ReplyError),
        (WHOLE, 200, [("Content-Length", "999")], ReplyError),
        (WHOLE, 200, [("Content-Length", "1001")], ReplyError),
        (WHOLE, 200, [("Content-Length", "1000"), ("Content-Length", "1000")], BodyError),
        (WHOLE, 200, [("Content-Length", "1000"), ("Content-Length", "999")], BodyError),
        (WHOLE, 200, [("Content-Length", "-1")], BodyError),
        (WHOLE, 200, [("Content-Length", "1e3")], BodyError),
        (WHOLE, 200, [("Content-Length", "١٠٠٠")], BodyError),
        (WHOLE, 200, [("Content-Length", "")], BodyError),
        (WHOLE, 200, [("Transfer-Encoding", "gzip, chunked")], BodyError),
        (WHOLE, 200, [("Content-Encoding", "gzip")], ReplyError),
        (WHOLE, 200, [("Content-Type", "text/html; charset=utf-8"), ("Transfer-Encoding", "chunked")], ReplyError),
        (WHOLE, 200, [("Content-Encoding", "br"), ("Content-Length", "1000")], ReplyError),
        (WHOLE, 416, [("Content-Range", "bytes */1000")], ReplyError),
        (WHOLE, 204, [], ReplyError),
        (WHOLE, 304, [], ReplyError),
        (WHOLE, 400, [], RequestError),
        (WHOLE, 501, [], ReplyError),
        (PART, 405, [], RequestError),
        (PART, 403, [], AuthError),
        (PART, 451, [], AuthError),
        (PART, 407, [], AuthError),
        (PART, 404, [], NotFoundError),
        (PART, 410, [], NotFoundError),
        (PART, 408, [], BusyError),
        (PART, 429, [], BusyError),
        (PART, 500, [], BusyError),
        (PART, 503, [], BusyError),
    ],
)
def test_refuses(wanted: Wanted, status: int, fields: Fields, kind: type) -> None:
    """A reply that is not what was asked, or can be read two ways, gives no bytes and the error that tells why."""
    error = error_of(verdict(wanted, status, *fields))
    assert type(error) is kind
    assert "r.example" in error.message


@pytest.mark.parametrize(("wanted", "status"), [(PART, 400), (PART, 501), (START, 400), (START, 416), (PART, 416)])
def test_asks_without_a_range_where_ranges_are_refused(wanted: Wanted, status: int) -> None:
    """A host that refuses the Range, not the blob, is asked for the whole."""
    assert verdict(wanted, status) == AskWhole()


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [("Content-Range", "bytes 0-99/1000")],
        [("Content-Range", "bytes 101-199/1000")],
        [("Content-Range", "bytes 100-200/1000")],
        [("Content-Range", "bytes 100-199/999")],
        [("Content-Range", "bytes 199-100/1000")],
        [("Content-Range", "bytes 100-199/150")],
        [("Content-Range", "bytes -100-199/1000")],
        [("Content-Range", "items 100-199/1000")],
        [("Content-Range", "bytes 100-199/1000")] * 2,
        [("Content-Range", "bytes 100-199/1000"), ("Content-Length", "99")],
        [("Content-Range", "bytes 100-199/1000"), ("Content-Type", "multipart/byteranges; boundary=x")],
        [("Content-Range", "bytes 100-199/1000"), ("Content-Encoding", "gzip")],
    ],
)
def test_asks_without_a_range_where_another_is_given(fields: Fields) -> None:
    """A 206 that is not what was asked, or can be read two ways, gives no bytes; another answer may."""
    assert verdict(PART, 206, *fields) == AskWhole(is_slip=True)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_redirects(status: int) -> None:
    """Whether the request had a Range or not; where to, and whether it may, is for others to say."""
    assert verdict(PART, status, ("Location", "/a")) == verdict(WHOLE, status) == Redirected()


def test_a_401_is_a_matter_of_login() -> None:
    """By the time that a reply is judged, all that a challenge can be answered with was tried."""
    assert isinstance(error_of(verdict(PART, 401, ("WWW-Authenticate", "Basic realm=a"))), AuthError)


def test_denied_with_404_is_a_matter_of_login() -> None:
    """Registries hide what they deny behind 404; their error code tells."""
    assert isinstance(error_of(verdict(PART, 404, said=Complaint(("DENIED",), "no"))), AuthError)
    assert isinstance(error_of(verdict(PART, 404, said=Complaint(("BLOB_UNKNOWN",), "no"))), NotFoundError)


@pytest.mark.parametrize(
    ("what", "remedy"),
    [
        ("manifest team/app:1.2", "check the name and the tag: dockferry tags lists them"),
        ("manifest team/app@sha256:abc", "check the name and the digest"),
        ("tags of team/app", "check the name"),
        (
            "blob a3ed95caeb02",
            "its manifest is there, so the host has lost it: try another mirror with -r, or push it again",
        ),
    ],
)
def test_a_404_says_what_to_look_at(what: str, remedy: str) -> None:
    """A tag is no suspect where none was given."""
    assert refusal(404, Headers([]), SILENT, 0.0, what=what, where="r.example").remedy == remedy


def test_a_403_says_what_may_help() -> None:
    """Who asks for a blob has read its manifest: its name is no suspect."""
    blob, manifest = (
        refusal(403, Headers([]), SILENT, 0.0, what=what, where="r.example")
        for what in ("blob a3ed95caeb02", "manifest team/app:1.2")
    )
    assert "it may not exist" in manifest.remedy
    assert "the name is right" in blob.remedy
    assert "-r" in blob.remedy


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (416, "try another mirror with -r"),
        (418, "check the address and the name, or try another mirror with -r"),
        (429, "wait a while, log in with -u, or name another mirror with -r"),
        (504, "run the same command again later, or name another mirror with -r"),
        (511, "finish the network's login page in a browser, or check the proxy and the address of -r"),
    ],
)
def test_every_refusal_has_a_remedy_and_a_short_reason(status: int, remedy: str) -> None:
    """The reason is what a retry's line shows: the status, and no more than the host said."""
    error = error_of(verdict(WHOLE, status))
    assert error.remedy == remedy
    assert error.reason.startswith(f"{status}")
    assert "r.example" not in error.reason


def test_a_page_in_place_of_a_blob_leads_to_the_login_page() -> None:
    """A captive portal answers 200."""
    error = error_of(verdict(WHOLE, 200, ("Content-Type", "text/html")))
    assert "login page" in error.remedy
    assert error.reason == "an HTML page: a captive portal or proxy answered"


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 86400.0),
        ("9" * 400, float("inf")),
        ("Thu, 01 Jan 1970 00:01:00 GMT", 60.0),
        ("Wed, 31 Dec 1969 23:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:01:00 -0000", 60.0),
        ("Mon, 01 Jan 1601 00:00:00 -0000", 0.0),
        ("Fri, 31 Dec 2100 00:00:00 GMT", 4133894400.0),
        ("880.092µs", None),
        ("-5", None),
        ("soon", None),
        ("Thu, 99 Jan 1970 00:01:00 GMT", None),
        ("", None),
    ],
)
@pytest.mark.row(22)
def test_retry_after(value: str, wait: object) -> None:
    """Seconds and dates are told as they stand, nonsense is no wait at all."""
    assert retry_after(Headers([("Retry-After", value)]), 0.0) == wait
    busy = error_of(verdict(PART, 429, ("Retry-After", value)))
    assert isinstance(busy, BusyError)
    assert busy.retry_after == wait


@given(
    size=st.integers(1, 2**60),
    data=st.data(),
    first=st.integers(0, 2**60),
    last=st.integers(0, 2**60),
    total=st.one_of(st.just("*"), st.integers(0, 2**60)),
)
def test_a_range_is_believed_only_inside_what_was_asked(
    size: int, data: st.DataObject, first: int, last: int, total: object
) -> None:
    """Whatever Content-Range says, a delivery starts where it was asked to and stays within."""
    start = data.draw(st.integers(0, size - 1))
    end = data.draw(st.integers(start + 1, size))
    total = data.draw(st.sampled_from([total, size]))
    first = data.draw(st.sampled_from([first, start]))
    last = data.draw(st.sampled_from([last, end - 1, start]))
    wanted = Wanted(start, end, size, True, "blob", "host")
    found = verdict(wanted, 206, ("Content-Range", f"bytes {first}-{last}/{total}"))
    if isinstance(found, Deliver):
        assert found.start == start == first
        assert start < found.end == last + 1 <= end
        assert total in ("*", size)
    else:
        assert first != start or not start <= last < end or total not in ("*", size)


@given(st.text(max_size=60))
def test_any_text_as_content_range_gives_a_verdict(text: str) -> None:
    """No header value raises anything."""
    assert isinstance(verdict(PART, 206, ("Content-Range", text)), (Deliver, AskWhole))


@pytest.mark.row(58)
@pytest.mark.rule(11)
def test_complaints_are_cleaned() -> None:
    """A registry's own words reach the terminal without control characters and signed queries, and bounded."""
    body = b'{"errors":[{"code":"denied\\u001b[2J","message":"see https://x.example/?sig=SECRET \\u202e"}, 7]}'
    found = Complaint.parse(body)
    assert found.codes == ("DENIED [2J",)
    assert found.text == "see https://x.example/?sig=…"
    long = b'{"errors":[{"code":"X","message":"' + b"m" * 5000 + b'"}]}'
    assert len(Complaint.parse(long).text) <= 200


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": 5}', b'{"errors": [5]}', b"\xff", b"{" * 100])
def test_other_bodies_say_nothing(body: bytes) -> None:
    """An error page in any other form is passed over."""
    assert Complaint.parse(body) == Complaint()
