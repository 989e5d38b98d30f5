"""Pull from several mirrors of which one is not what it should be."""

from __future__ import annotations

import socket
import time

import pytest
from support.pulls import ACCESS, IMAGE, NAME, QUICK, SIZE, Bench, check
from support.rude import Request, Wire
from support.rude_registry import Ask, RudeRegistry

from dockferry import pull
from dockferry.events import Warned


@pytest.mark.row(13, 55)
def test_a_mirror_that_always_lies(bench: Bench, wanted: bytes) -> None:
    """Two mirrors, one of which changes a bit in every body: it is named, and the other one finishes."""
    liar = bench.serve(RudeRegistry(IMAGE, lambda ask: ask.give(flip=True)))
    honestly = RudeRegistry(IMAGE)
    check(bench, wanted, bench.pull(liar, bench.serve(honestly), threads=4))
    assert any(liar.host in event.message for event in bench.told(Warned))
    assert honestly.sent <= 1.3 * SIZE


@pytest.mark.row(23, 56)
def test_a_mirror_that_dies(bench: Bench, wanted: bytes) -> None:
    """One of two mirrors goes away in the middle: the other one finishes, and nothing is fetched again."""
    dying, living = RudeRegistry(IMAGE, rate=2e6), RudeRegistry(IMAGE, rate=2e6)

    def die(ask: Ask) -> None:
        if dying.sent > SIZE // 6:
            ask.wire.reset()
        else:
            ask.give(0.3)
            ask.wire.reset()

    dying.fault = die
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(dying), bench.serve(living), threads=4))
    assert time.monotonic() - began < 5
    assert dying.sent + living.sent <= 1.3 * SIZE


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.row(53)
def test_a_mirror_without_one_layer(bench: Bench, wanted: bytes, status: int, threads: int) -> None:
    """The manifest and all layers but one are at the first mirror: that one comes from the second."""

    def handler(request: Request, wire: Wire) -> None:
        if request.target.endswith(str(IMAGE.layers[0].digest)):
            wire.reply(status)
        else:
            lacking(request, wire)

    lacking, full = RudeRegistry(IMAGE), RudeRegistry(IMAGE)
    check(bench, wanted, bench.pull(bench.serve(handler), bench.serve(full), threads=threads))
    assert lacking.sent + full.sent <= 1.1 * SIZE


@pytest.mark.row(1)
def test_a_refused_mirror_costs_no_time(bench: Bench, wanted: bytes) -> None:
    """A mirror that nobody listens at: the next one is asked within a second."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone_host = f"127.0.0.1:{listener.getsockname()[1]}"
    living = bench.serve(RudeRegistry(IMAGE, rate=2e7))
    began = time.monotonic()
    target = bench.directory / "a.tar"
    result = pull(NAME, mirrors=[f"http://{gone_host}", living.url], output=target, access=ACCESS, retry=QUICK)
    assert time.monotonic() - began < 3
    check(bench, wanted, result)
