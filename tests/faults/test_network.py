"""Pull over links that crawl, break and go silent."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from support.proxies import HttpProxy
from support.pulls import ACCESS, IMAGE, SIZE, Bench, check
from support.rude_registry import Ask, RudeRegistry


@pytest.mark.row(6)
def test_one_byte_a_second(bench: Bench, wanted: bytes) -> None:
    """Bodies that drip are overtaken by the other connections, and nobody waits for them at the end."""

    def drip(ask: Ask) -> None:
        if not ask.chance(0.3):
            ask.give()
            return
        start, end = ask.span
        fields = [("Content-Length", str(end - start))]
        if ask.request.range:
            fields.append(("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}"))
        ask.wire.head(206 if ask.request.range else 200, fields)
        ask.wire.drip(ask.data[start:end], 1.0)

    registry = RudeRegistry(IMAGE, drip)
    began = time.monotonic()
    result = bench.pull(bench.serve(registry), threads=8, access=replace(ACCESS, idle_timeout=5.0))
    check(bench, wanted, result)
    assert time.monotonic() - began < 10
    assert registry.sent <= 1.1 * SIZE


def test_a_proxy_that_cuts(bench: Bench, wanted: bytes) -> None:
    """A proxy that ends every connection after 400 kB: the rest is asked for, and no byte twice."""
    registry = RudeRegistry(IMAGE)
    server = bench.serve(registry)
    with HttpProxy(most=400_000) as proxy:
        result = bench.pull(server, access=replace(ACCESS, proxy=f"http://{proxy.host}"))
    check(bench, wanted, result)
    assert len(proxy.asked) > 5
    assert result.received <= 1.05 * SIZE
