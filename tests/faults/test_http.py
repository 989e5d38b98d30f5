"""Pull through what servers and caches answer: the same archive to the byte, or one line and state."""

from __future__ import annotations

import email.utils
import ssl
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Callable, Dict, Optional, Tuple

import pytest
from support import faults
from support.guards import Limit
from support.pulls import ACCESS, IMAGE, QUICK, SIZE, THREADS, Bench, check
from support.rude import Request, Wire
from support.rude_registry import Ask, Fault, RudeRegistry, honest

from dockferry.cli.presenters import words
from dockferry.errors import NetworkError
from dockferry.events import Retry
from dockferry.transfer.retry import RetryPolicy

COST_NOTHING = [
    faults.cut,
    faults.reset,
    faults.reset_before_answer,
    faults.stalled,
    faults.less_than_asked,
    faults.busy_now_and_then,
    faults.busy_burst,
    faults.closing,
    faults.closes_silently,
    faults.without_length,
]
"""No byte need be lost by these."""

RANGELESS = [
    faults.wrong_content_range,
    faults.ignored_and_cut,
    faults.ignored_now_and_then,
    faults.refused_400,
    faults.refused_416,
    faults.always_wrong_content_range,
    faults.multipart,
]
"""The server itself gives bytes again and again."""


@THREADS
@pytest.mark.parametrize("fault", [honest, *COST_NOTHING], ids=lambda fault: fault.__name__)
@pytest.mark.row(3, 4, 5, 18, 23)
def test_faults_cost_no_bytes(bench: Bench, wanted: bytes, fault: Fault, threads: Optional[int]) -> None:
    """The archive is the same to the byte, soon, and hardly a byte was fetched twice."""
    registry = RudeRegistry(IMAGE, fault)
    began = time.monotonic()
    result = bench.pull(bench.serve(registry), threads=threads)
    took = time.monotonic() - began
    check(bench, wanted, result)
    assert registry.sent <= 1.3 * SIZE
    assert took < 10


@pytest.mark.parametrize("fault", [faults.cut, faults.reset, faults.busy_now_and_then, faults.reset_before_answer])
def test_a_retry_is_told_in_few_words(bench: Bench, fault: Fault) -> None:
    """Layer, host, fault and wait: no URL, and no digest in full but in the event's own field."""
    server = bench.serve(RudeRegistry(IMAGE, fault))
    bench.pull(server)
    assert bench.told(Retry)
    for event in bench.told(Retry):
        assert event.source == server.host
        assert server.host not in event.reason
        assert "blob" not in event.reason
        assert "/v2/" not in event.reason
        assert event.digest not in event.reason
        assert len(str(words.note(event))) <= 160


@THREADS
@pytest.mark.parametrize("fault", RANGELESS, ids=lambda fault: fault.__name__)
@pytest.mark.row(10, 11, 12, 15, 16, 17)
def test_ranges_refused(bench: Bench, wanted: bytes, fault: Fault, threads: Optional[int]) -> None:
    """Without ranges, and with bodies cut, the archive is the same to the byte in the end."""
    registry = RudeRegistry(IMAGE, fault)
    began = time.monotonic()
    result = bench.pull(bench.serve(registry), threads=threads)
    took = time.monotonic() - began
    check(bench, wanted, result)
    assert registry.sent <= 4 * SIZE
    assert took < 10


@pytest.mark.parametrize("threads", [None, 20])
@pytest.mark.row(22)
def test_too_many_connections(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """429 to all but two connections: those two go on with everything, whatever the others were told to wait."""
    limit = Limit(2)
    registry = RudeRegistry(IMAGE, limit, rate=4e6)
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads, retry=RetryPolicy(longest=30.0)))
    assert time.monotonic() - began < 5
    assert 0 < limit.refusals <= 40
    assert registry.sent <= 1.1 * SIZE


@pytest.mark.parametrize(
    ("location", "word"),
    [
        ("file:///etc/passwd", "http or https"),
        ("ftp://127.0.0.1/x", "http or https"),
        ("//user:password@127.0.0.1/x", "without a login"),
        ("/v2/demo/app/blobs/again", "redirects in a row"),
    ],
)
@pytest.mark.row(24)
@pytest.mark.rule(2)
def test_redirects_that_are_not_followed(bench: Bench, location: str, word: str) -> None:
    """A redirect to a file, to another scheme, with a login, or in a loop: the end, soon, with the reason."""

    def handler(request: Request, wire: Wire) -> None:
        if "/manifests/" in request.target:
            registry(request, wire)
        else:
            wire.reply(302, b"", [("Location", location)])

    registry = RudeRegistry(IMAGE)
    server = bench.serve(handler)
    with pytest.raises(NetworkError, match=word):
        bench.pull(server)
    assert len(server.requests) <= 10
    assert "a.tar" not in bench.left()


@pytest.mark.row(24)
@pytest.mark.rule(2)
def test_https_never_becomes_http(bench: Bench, tls: Tuple[ssl.SSLContext, str]) -> None:
    """A registry with TLS that points to a storage without: not followed, and the storage is never asked."""
    storage = bench.serve(RudeRegistry(IMAGE))
    context, authority = tls
    away = [("Location", f"{storage.url}/x")]
    front = bench.serve(RudeRegistry(IMAGE, lambda ask: ask.wire.reply(307, b"", away)), context)
    with pytest.raises(NetworkError, match="from https to http"):
        bench.pull(front, access=replace(ACCESS, ca_cert=authority))
    assert storage.requests == []


@pytest.mark.row(23)
def test_busy_before_the_first_byte(bench: Bench, wanted: bytes) -> None:
    """503 for manifest and config at first: asked again."""

    def handler(request: Request, wire: Wire) -> None:
        if len(server.requests) in (1, 3):
            wire.reply(503, b"", [("Retry-After", "0")])
        else:
            registry(request, wire)

    registry = RudeRegistry(IMAGE)
    server = bench.serve(handler)
    check(bench, wanted, bench.pull(server))


def test_kept_connections_that_are_closed(bench: Bench, wanted: bytes) -> None:
    """A server that closes what it said it would keep, right after the next request came: no error, no wait."""
    seen: Dict[int, int] = {}

    def handler(request: Request, wire: Wire) -> None:
        seen[request.connection] = seen.get(request.connection, 0) + 1
        if seen[request.connection] > 1:
            wire.close()
        else:
            registry(request, wire)

    registry = RudeRegistry(IMAGE)
    check(bench, wanted, bench.pull(bench.serve(handler)))
    assert registry.sent <= 1.1 * SIZE


@pytest.mark.row(19, 20)
@pytest.mark.rule(8, 9)
@THREADS
@pytest.mark.parametrize(
    "fault", [faults.two_lengths, faults.more_than_asked, faults.compressed], ids=lambda fault: fault.__name__
)
def test_bodies_that_are_not_the_blob(bench: Bench, wanted: bytes, fault: Fault, threads: Optional[int]) -> None:
    """Two lengths, bytes past the end, a coding that was not asked for: nothing of it is taken."""
    result = bench.pull(bench.serve(RudeRegistry(IMAGE, fault)), threads=threads)
    check(bench, wanted, result)
    assert result.received <= 1.05 * SIZE


@pytest.mark.row("first byte")
@pytest.mark.parametrize("threads", [4, 20])
def test_a_late_first_byte_is_no_stall(bench: Bench, wanted: bytes, threads: int) -> None:
    """Answers that begin after three times the idle timeout are waited for: no retry, no byte twice."""
    registry = RudeRegistry(IMAGE, faults.late)
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads))
    assert registry.sent <= 1.05 * SIZE
    assert not bench.told(Retry)


def in_two_seconds(ask: Ask) -> str:
    return email.utils.format_datetime(datetime.now(timezone.utc) + timedelta(seconds=2), usegmt=True)


@pytest.mark.row(22)
@pytest.mark.parametrize(
    "asked",
    [lambda ask: "1", in_two_seconds, lambda ask: None, lambda ask: "880.092\xb5s", lambda ask: "9" * 300],
    ids=["seconds", "date", "nothing", "nonsense", "absurd"],
)
def test_429_in_every_form(bench: Bench, wanted: bytes, asked: Callable[[Ask], Optional[str]]) -> None:
    """Whatever time a 429 asks for, it is told, one connection rests, and the others bring everything soon."""

    def busy(ask: Ask) -> None:
        value = asked(ask)
        if ask.number == 3:
            ask.wire.reply(429, b"", [("Retry-After", value)] if value else [])
        else:
            ask.give()

    registry = RudeRegistry(IMAGE, busy)
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(registry), threads=4))
    assert time.monotonic() - began < 5
    assert registry.sent <= 1.05 * SIZE
    assert len(bench.told(Retry)) == 1
    assert 0 <= bench.told(Retry)[0].wait <= 2.2


def in_a_year(ask: Ask) -> str:
    return email.utils.format_datetime(datetime.now(timezone.utc) + timedelta(days=365), usegmt=True)


@pytest.mark.row(22)
@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (lambda ask: "2", 2.0, 2.2),
        (in_two_seconds, 1.0, 2.2),
        (lambda ask: "9" * 400, 0.0, 0.2),
        (lambda ask: "601", 0.0, 0.2),
        (in_a_year, 0.0, 0.2),
    ],
    ids=["seconds", "date", "absurd", "a little too long", "absurd date"],
)
def test_an_absurd_wait_is_not_waited(
    bench: Bench, wanted: bytes, asked: Callable[[Ask], str], least: float, most: float
) -> None:
    """One connection, and nobody else to ask: what the host asks for is waited, and what is absurd is not."""

    def busy(ask: Ask) -> None:
        ask.wire.reply(429, b"", [("Retry-After", asked(ask))]) if ask.number == 0 else ask.give()

    began = time.monotonic()
    patient = replace(QUICK, longest=600.0)
    check(bench, wanted, bench.pull(bench.serve(RudeRegistry(IMAGE, busy)), threads=1, retry=patient))
    took = time.monotonic() - began
    (retry,) = bench.told(Retry)
    assert least <= retry.wait <= most
    assert least <= took < most + 2


@pytest.mark.row(26, "ns")
@pytest.mark.parametrize("status", [401, 403, 405])
def test_head_and_ns_are_never_needed(bench: Bench, wanted: bytes, status: int) -> None:
    """Registries and stores that refuse HEAD, and mirrors that break at `?ns=`: neither is ever sent."""

    def handler(request: Request, wire: Wire) -> None:
        if request.method == "GET" and "?" not in request.target:
            registry(request, wire)
        else:
            wire.reply(status)

    registry = RudeRegistry(IMAGE, faults.cut)
    server = bench.serve(handler)
    check(bench, wanted, bench.pull(server))
    assert {request.method for request in server.requests} == {"GET"}
    assert not server.saw("ns=")
