"""Pull while tokens and signed URLs run out: no byte is lost, and no secret leaves its host."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import Optional

import pytest
from support import faults
from support.guards import Storage, Tokens
from support.pulls import ACCESS, IMAGE, SIZE, THREADS, Bench, check
from support.rude_registry import Ask, RudeRegistry


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
