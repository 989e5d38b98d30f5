"""Whatever a reply's headers and error body say: a verdict or one of our errors, in plain words, in moments."""

from __future__ import annotations

import json
from typing import List, Tuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.said import assert_plain, only
from support.thorough import examples

from dockferry.errors import AuthError, BodyError, BusyError, RedirectError, ReplyError
from dockferry.registry.challenge import choose_challenge, parse_challenges
from dockferry.registry.complaint import MAX_ERROR_BODY, Complaint
from dockferry.registry.credentials import Credentials
from dockferry.registry.headers import Headers, content_length, content_range, retry_after
from dockferry.registry.judge import Deliver, Refused, Wanted, judge
from dockferry.registry.links import next_page
from dockferry.registry.redirects import MAX_HOPS, Hop, next_hop, origin_of
from dockferry.registry.token_request import TokenServer

LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=80)
NUMBERS = st.one_of(st.integers(-2, 2**70).map(str), st.sampled_from(["", "+5", "1e3", "0x10", "٣", "²", "9" * 5000]))
SPAN = st.builds("{} {}-{}/{}".format, st.sampled_from(["bytes", "BYTES", "items", ""]), NUMBERS, NUMBERS, NUMBERS)
DAY = ["Mon, ", "Sun, ", ""]
DATES = st.builds(
    "{}{} {} {} {}:{}:{} {}".format,
    st.sampled_from(DAY),
    NUMBERS,
    st.sampled_from(["Jan", "Feb", "Dec", "Foo", ""]),
    st.one_of(st.sampled_from(["1601", "1969", "2030", "9999", "0", "70"]), NUMBERS),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.integers(-1, 99),
    st.sampled_from(["GMT", "-0000", "+9999", "EST", "", "+99999999999"]),
)
TYPES = st.sampled_from(["text/html", "multipart/byteranges; boundary=x", "application/octet-stream", "\x1b[2J"])
FIELDS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["Content-Length", "content-length"]), NUMBERS | LATIN),
        st.tuples(st.sampled_from(["Content-Range", "content-range"]), SPAN | LATIN),
        st.tuples(st.just("Retry-After"), NUMBERS | DATES | LATIN),
        st.tuples(st.just("Content-Type"), TYPES | LATIN),
        st.tuples(st.just("Content-Encoding"), st.sampled_from(["gzip", "identity", ""]) | LATIN),
        st.tuples(st.just("Transfer-Encoding"), st.sampled_from(["chunked", "gzip, chunked"]) | LATIN),
        st.tuples(st.just("Location"), LATIN),
    ),
    max_size=6,
)
STATUSES = st.one_of(
    st.sampled_from([200, 206, 301, 307, 400, 401, 403, 404, 407, 416, 429, 500, 503]), st.integers(100, 999)
)
WORDS = st.sampled_from(
    ["\x1b[31m", "\x07", "\u202e", "\u2028", "\r\n", "\x9b2J", "\ud800", "x" * 5000, "https://u:p@h/?sig=S", "ok"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10) | WORDS, inner, max_size=4),
    max_leaves=10,
)
ERRORS = st.lists(
    st.one_of(JSON, st.fixed_dictionaries({}, optional={"code": JSON, "message": JSON, "detail": JSON})), max_size=8
)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.builds(lambda errors: json.dumps({"errors": errors}).encode("utf-8", "surrogatepass"), ERRORS | JSON),
    st.sampled_from([b"[" * 60_000, b'{"errors":' + b"[" * 60_000, b"x" * (MAX_ERROR_BODY + 1)]),
)


@examples(200)
@given(fields=FIELDS, status=STATUSES, is_ranged=st.booleans(), body=BODIES)
def test_any_reply_has_a_verdict(fields: List[Tuple[str, str]], status: int, is_ranged: bool, body: bytes) -> None:
    """A blob request's reply is judged without a surprise, and bytes are taken only where they were asked for."""
    wanted = Wanted(100, 200, 1000, is_ranged, "blob x", "host")
    with only():
        verdict = judge(wanted, status, Headers(fields), Complaint.parse(body), 1.8e9)
    if isinstance(verdict, Refused):
        assert_plain(str(verdict.error))
        if isinstance(verdict.error, BusyError):
            assert (verdict.error.retry_after or 0) >= 0
    if isinstance(verdict, Deliver):
        assert (verdict.start, verdict.end) == (0, 1000) or 100 == verdict.start < verdict.end <= 200


@examples(200)
@given(value=NUMBERS | DATES | LATIN)
@example(value="Mon, 01 Jan 0001 00:00:00 -0000")
@example(value="Fri, 31 Dec 9999 23:59:59 -2359")
def test_any_retry_after_is_a_wait_or_none(value: str) -> None:
    """Seconds, a date or nonsense: a time to come, or none."""
    with only():
        wait = retry_after(Headers([("Retry-After", value)]), 1.8e9)
    assert wait is None or wait >= 0


@examples(200)
@given(length=st.lists(NUMBERS | LATIN, max_size=3), span=st.lists(SPAN | LATIN, max_size=3))
def test_any_framing_is_read_or_refused(length: List[str], span: List[str]) -> None:
    """A length is a number that stands once; a range is one that can be; all else is refused in plain words."""
    with only(BodyError):
        found = content_length(Headers([("Content-Length", value) for value in length]), "host")
        assert found is None or (found >= 0 and len(length) == 1)
    with only(ReplyError):
        got = content_range(Headers([("Content-Range", value) for value in span]), "host")
        assert 0 <= got.start < got.end
        assert got.total is None or got.end <= got.total


URL_PARTS = st.one_of(
    st.sampled_from(
        ["http", "https", "://", ":", "//", "/", "?", "#", "@", "[", "]", "..", "%", "\\", ":443", ":99999"]
    ),
    st.sampled_from(["r.example", "other.example", "[::1]", "\x00", "\r\n", " ", "é", "n=1", ":-1", ":99999"]),
    st.sampled_from(["<", ">", ";", "rel", "=", '"', "next", ","]),
)
URLS = st.lists(URL_PARTS, max_size=14).map("".join)
LINKS = st.one_of(
    URLS,
    st.builds("<{}>; rel={}next".format, URLS, st.sampled_from(["", '"'])),
    st.builds('<{}>; rel="next"'.format, URLS),
)
LONG = [";rel=" * 12_000, "<" * 60_000, '<a>;rel="' * 6_000, ";rel=" + " " * 60_000, '<a>; rel="' + "x " * 30_000]


@examples(300)
@given(links=st.lists(LINKS | st.sampled_from(LONG), max_size=3))
@pytest.mark.rule(3)
def test_any_link_stays_at_its_host_or_is_refused(links: List[str]) -> None:
    """The next page of a list is at the same origin, or an error says so."""
    url = "https://r.example/v2/x/tags/list?n=100"
    with only(ReplyError):
        found = next_page(url, links)
        assert found is None or origin_of(found) == origin_of(url)


@examples(300)
@given(locations=st.lists(URLS, max_size=2), is_public=st.booleans(), hops=st.integers(1, MAX_HOPS + 2))
@pytest.mark.rule(2)
def test_any_location_is_followed_by_the_rules(locations: List[str], is_public: bool, hops: int) -> None:
    """Never to http from https, never home again under another origin, never past the limit."""
    with only(RedirectError):
        hop = next_hop(Hop("https://r.example/v2/x", is_home=True, is_public=is_public), locations, hops)
        assert hop.url.startswith("https://")
        assert hops <= MAX_HOPS
        assert hop.is_home == (origin_of(hop.url) == ("https", "r.example", 443))


CHALLENGE_LONG = ['Bearer realm="' + "\\" * 8000, "a " * 4000, "a=" * 4000, "x" + " " * 8000 + "!", "A" * 8190 + "=,"]


@examples(200)
@given(realm=URLS, scope=LATIN, registry=st.sampled_from(["r.example", "r.example:5000", "127.0.0.1:1"]))
@pytest.mark.rule(1)
def test_any_realm_gets_a_secret_only_where_it_belongs(realm: str, scope: str, registry: str) -> None:
    """A challenge leads to a request without a secret for others, or to AuthError in plain words."""
    value = f'Bearer realm="{realm}",scope="{scope}"'
    secret = Credentials.of("user", "SECRET")
    with only(AuthError):
        challenge = choose_challenge(parse_challenges([value]))
        if challenge is not None:
            server = TokenServer.create(challenge, registry, "https", "repository:x:pull", secret)
            assert server.host.endswith(("r.example", "127.0.0.1", "[::1]")), server


@examples(30)
@given(value=st.sampled_from(CHALLENGE_LONG), cut=st.integers(0, 9))
def test_long_challenges_take_no_time(value: str, cut: int) -> None:
    """What is as long as a header may be is read as fast as it should be."""
    with only():
        parse_challenges([value[cut:]] * 16)


@examples(200)
@given(body=BODIES)
@pytest.mark.rule(11)
def test_any_error_body_becomes_plain_words(body: bytes) -> None:
    """A registry's complaint is bounded, of one line, and without secrets, or it is empty."""
    with only():
        said = Complaint.parse(body)
    assert_plain(said.text, 200)
    assert "sig=S" not in said.text
    assert "u:p@" not in said.text
    for code in said.codes:
        assert_plain(code, 80)
