"""Pull through what servers and caches answer: the same archive to the byte, or one line and state."""

from __future__ import annotations

import ssl
import time
from dataclasses import replace
from typing import Dict, Optional, Tuple

import pytest
from support import faults
from support.guards import Limit
from support.pulls import ACCESS, IMAGE, SIZE, THREADS, Bench, check
from support.rude import Request, Wire
from support.rude_registry import Fault, RudeRegistry, honest

from dockferry.errors import NetworkError

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


@THREADS
@pytest.mark.parametrize("fault", RANGELESS, ids=lambda fault: fault.__name__)
@pytest.mark.row(10, 11, 12, 16, 17)
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
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads))
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
