"""Pull while tokens and signed URLs run out: no byte is lost, and no secret leaves its host."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Optional

import pytest
from support import faults
from support.guards import Storage, Tokens
from support.pulls import ACCESS, IMAGE, SIZE, THREADS, Bench, check
from support.rude import Request, Wire
from support.rude_registry import Ask, RudeRegistry

from dockferry.errors import AuthError


@THREADS
@pytest.mark.row(25)
@pytest.mark.rule(2, 12)
def test_signed_urls_that_expire(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """A signed URL that is over is made anew by the registry; the login stays at home, the signature out of sight."""
    behind = Storage(RudeRegistry(IMAGE, faults.cut, rate=2e6), life=0.3)
    storage = bench.serve(behind)
    behind.registry.ending = storage.ending

    def redirect(ask: Ask) -> None:
        if ask.request.header("authorization") is None:
            ask.wire.reply(401, b"", [("WWW-Authenticate", 'Basic realm="x"')])
        else:
            ask.wire.reply(307, b"", [("Location", behind.url(storage, ask))])

    front = bench.serve(RudeRegistry(IMAGE, redirect))
    access = replace(ACCESS, username="me", password="SECRET-PASSWORD")
    check(bench, wanted, bench.pull(front, threads=threads, access=access))
    assert behind.registry.sent <= 1.3 * SIZE
    assert behind.expired or threads != 1
    assert front.requests[-1].header("authorization") is not None
    assert all(request.header("authorization") is None for request in storage.requests)
    assert not storage.saw(base64.b64encode(b"me:SECRET-PASSWORD").decode())
    assert not any("SIGNED" in repr(event) or "SECRET" in repr(event) for event in bench.events)


@THREADS
@pytest.mark.row(27)
def test_tokens_that_live_a_moment(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """A token that expires while bodies are on their way costs one new token, not one for each connection."""
    guard = Tokens(RudeRegistry(IMAGE, faults.cut, rate=2e6), life=0.5)
    front, tokens = bench.serve(guard), bench.serve(guard.token)
    guard.registry.ending = front.ending
    guard.realm = f"{tokens.url}/token"
    began = time.monotonic()
    check(bench, wanted, bench.pull(front, threads=threads))
    took = time.monotonic() - began
    assert guard.registry.sent <= 1.3 * SIZE
    assert len(guard.made) <= 2 + took / 0.35


@pytest.mark.row(30)
def test_tokens_that_are_all_refused(bench: Bench) -> None:
    """A registry that refuses every token that its own server makes: exit 4's error after two, not an endless row."""
    guard = Tokens(RudeRegistry(IMAGE), life=-1)
    front, tokens = bench.serve(guard), bench.serve(guard.token)
    guard.realm = f"{tokens.url}/token"
    with pytest.raises(AuthError):
        bench.pull(front)
    assert len(front.requests) <= 4
    assert bench.left() == []


@pytest.mark.row(31)
@pytest.mark.rule(1, 12)
def test_a_hostile_realm_gets_no_login(bench: Bench) -> None:
    """A registry that names another party's token server: the login goes nowhere, and both are named."""
    thief = bench.serve(lambda request, wire: wire.reply(200, b'{"token": "x"}'))
    realm = f'Bearer realm="http://localhost:{thief.port}/token",service="s"'
    front = bench.serve(lambda request, wire: wire.reply(401, b"", [("WWW-Authenticate", realm)]))
    with pytest.raises(AuthError, match="localhost"):
        bench.pull(front, access=replace(ACCESS, username="me", password="SECRET-PASSWORD"))
    assert thief.requests == []


@pytest.mark.row(32)
@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_wrong_by_a_day(bench: Bench, wanted: bytes, days: int) -> None:
    """Tokens that were issued yesterday or tomorrow by the server's clock: one token serves the whole pull."""
    guard = Tokens(RudeRegistry(IMAGE, faults.cut), life=300)
    when = datetime.now(timezone.utc) + timedelta(days=days)
    guard.issued_at = when.isoformat()
    dated = [("Date", format_datetime(when.astimezone(timezone.utc), usegmt=True))]

    def front(request: Request, wire: Wire) -> None:
        if "/manifests/" in request.target and request.header("authorization"):
            wire.reply(200, IMAGE.manifest, [*dated, ("Content-Type", IMAGE.media_type)])
        else:
            guard(request, wire)

    tokens = bench.serve(guard.token)
    guard.realm = f"{tokens.url}/token"
    check(bench, wanted, bench.pull(bench.serve(front)))
    assert len(guard.made) == 1
