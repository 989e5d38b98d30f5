"""Pull from several mirrors of which one is not what it should be."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import replace
from typing import Tuple

import pytest
from support.images import make_image
from support.pulls import ACCESS, IMAGE, NAME, QUICK, SIZE, Bench, check
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, Fault, RudeRegistry

from dockferry import Access, pull
from dockferry.errors import CertificateError, ContentError, NetworkError
from dockferry.events import Retry, Warned
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.scheduler import Rules


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
    """A mirror that nobody listens at: the next one is asked within a second, and brings everything at its pace."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone_host = f"127.0.0.1:{listener.getsockname()[1]}"
    living = bench.serve(RudeRegistry(IMAGE))
    began = time.monotonic()
    target = bench.directory / "a.tar"
    result = pull(NAME, mirrors=[f"http://{gone_host}", living.url], output=target, access=ACCESS, retry=QUICK)
    assert living.requests[0].at - began < 1
    assert time.monotonic() - began < 3
    check(bench, wanted, result)


@pytest.mark.row(56)
def test_all_mirrors_die_and_one_comes_back(bench: Bench, wanted: bytes) -> None:
    """Both go away in the middle; a second later one is there again: the pull goes on from where it was."""
    one, other = RudeRegistry(IMAGE, rate=2e6), RudeRegistry(IMAGE, rate=2e6)
    died_at = [0.0]

    def is_dead(ask: Ask) -> bool:
        if not died_at[0] and one.sent + other.sent > SIZE // 3:
            died_at[0] = time.monotonic()
        return bool(died_at[0]) and not (ask.registry is other and time.monotonic() > died_at[0] + 1.0)

    def mortal(ask: Ask) -> None:
        if is_dead(ask):
            ask.wire.reset()
        else:
            ask.give(0.4)
            ask.wire.reset()

    one.fault = other.fault = mortal
    patient = replace(QUICK, attempts=100)
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(one), bench.serve(other), threads=4, retry=patient))
    assert time.monotonic() - began < 8
    assert one.sent + other.sent <= 1.3 * SIZE


@pytest.mark.row(8)
@pytest.mark.rule(13)
def test_a_mirror_with_a_wrong_certificate(bench: Bench, wanted: bytes, tls: Tuple[ssl.SSLContext, str]) -> None:
    """It is never asked for anything, in TLS or without, and named; the other mirror brings everything."""
    masked, honest = bench.serve(RudeRegistry(IMAGE), tls[0]), bench.serve(RudeRegistry(IMAGE))
    check(bench, wanted, bench.pull(masked, honest, threads=4))
    assert masked.requests == []
    assert any(masked.host in event.message and "certificate" in event.message for event in bench.told(Warned))


@pytest.mark.row(8)
@pytest.mark.rule(13)
def test_a_wrong_certificate_is_the_end(bench: Bench, tls: Tuple[ssl.SSLContext, str]) -> None:
    """The only source has a certificate of nobody we know: a hard failure at once, with the remedy, and no retry."""
    server = bench.serve(RudeRegistry(IMAGE), tls[0])
    with pytest.raises(CertificateError, match="certificate"):
        bench.pull(server)
    assert (server.requests, server.connections) == ([], 1)
    assert bench.left() == []


@pytest.mark.row(2, 5)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("place", [0, 1])
def test_a_mirror_that_never_answers(bench: Bench, wanted: bytes, threads: int, place: int) -> None:
    """It takes every request for a blob and is silent: the other one brings everything when that is noticed."""
    silent, well = RudeRegistry(IMAGE, lambda ask: ask.wire.stall()), RudeRegistry(IMAGE)
    servers = [bench.serve(well)]
    servers.insert(place, bench.serve(silent))
    patient = replace(ACCESS, first_byte_timeout=120.0)
    began = time.monotonic()
    check(bench, wanted, bench.pull(*servers, threads=threads, access=patient))
    assert time.monotonic() - began < Rules().first_byte_time + 8
    assert well.sent <= 1.05 * SIZE


@pytest.mark.row(5)
def test_a_silent_body_is_left_by_the_only_connection(bench: Bench, wanted: bytes) -> None:
    """Nobody else gives anything, for nobody else is asked: the other mirror is, long before the idle timeout."""
    silent = RudeRegistry(IMAGE, lambda ask: (ask.give(0.5), ask.wire.stall())[0])
    well = RudeRegistry(IMAGE)
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(silent), bench.serve(well), threads=1, access=Access()))
    assert time.monotonic() - began < 15
    assert silent.sent + well.sent <= 1.05 * SIZE


LACKED = IMAGE.layers[0].digest


def sending_away(storage: RudeServer) -> Fault:
    return lambda ask: ask.wire.reply(
        307, b"", [("Location", f"{storage.url}/{ask.request.target.rpartition('/')[2]}?sig={ask.number}")]
    )


def lacking_one(request: Request, wire: Wire, storage: RudeRegistry, status: int = 403) -> None:
    if str(LACKED) in request.target:
        wire.reply(status, b"<Error><Code>AccessDenied</Code></Error>")
    else:
        storage(request, wire)


@pytest.mark.row(25)
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("status", [403, 404])
def test_a_storage_host_that_never_gives_a_layer(bench: Bench, threads: int, status: int) -> None:
    """Every fresh address for it is refused: a few tries, and the end names registry and storage host."""
    behind = RudeRegistry(IMAGE)
    storage = bench.serve(lambda request, wire: lacking_one(request, wire, behind, status))
    front = bench.serve(RudeRegistry(IMAGE, sending_away(storage)))
    began = time.monotonic()
    with pytest.raises(NetworkError) as caught:
        bench.pull(front, threads=threads, retry=replace(QUICK, attempts=1000))
    assert time.monotonic() - began < 5
    assert storage.host in caught.value.message
    assert front.host in caught.value.message
    asked = [request for request in storage.requests if str(LACKED) in request.target]
    assert 3 <= len(asked) <= 3 * threads
    assert [event.number for event in bench.told(Retry)][-1] == 2


@pytest.mark.row(25, 53)
@pytest.mark.parametrize("threads", [1, 4])
def test_a_storage_host_without_one_layer(bench: Bench, wanted: bytes, threads: int) -> None:
    """The layer comes from the other mirror at once, and the rest still comes from both."""
    behind, full = RudeRegistry(IMAGE), RudeRegistry(IMAGE)
    storage = bench.serve(lambda request, wire: lacking_one(request, wire, behind))
    front = bench.serve(RudeRegistry(IMAGE, sending_away(storage)))
    began = time.monotonic()
    slow = RetryPolicy()
    check(bench, wanted, bench.pull(front, bench.serve(full), threads=threads, retry=slow))
    assert time.monotonic() - began < 3
    assert behind.sent
    assert behind.sent + full.sent <= 1.1 * SIZE


CRUMB = 20_000
SINGLE = make_image([600_000], seed=9)


def crumbs(ask: Ask) -> None:
    """A little of what was asked for, and the end."""
    start, end = ask.span
    ask.cut(min(1.0, CRUMB / (end - start)))


@pytest.mark.row(10)
@pytest.mark.parametrize("threads", [1, 4])
def test_discarded_bytes_are_bounded(bench: Bench, threads: int) -> None:
    """One mirror ignores ranges and always ends early; the other gives crumbs, where it answers at all: the first is
    not asked again and again for what is had.
    """
    early = RudeRegistry(SINGLE, lambda ask: ask.cut(0.4, ranged=False))
    other = RudeRegistry(SINGLE, lambda ask: crumbs(ask) if ask.chance(0.3) else ask.wire.reply(503))
    bench.pull(bench.serve(early), bench.serve(other), threads=threads, retry=replace(QUICK, attempts=1000))
    assert early.sent <= 2 * SINGLE.layers[0].size
    assert other.sent <= 1.1 * SINGLE.layers[0].size


@pytest.mark.row(10)
def test_who_repeats_too_much_is_asked_when_nobody_else_gives(bench: Bench) -> None:
    """It ignores ranges and ends early at first; the other one refuses everything from its third crumb on."""
    early = RudeRegistry(SINGLE, lambda ask: ask.cut(0.4, ranged=False) if ask.number < 8 else ask.give(ranged=False))
    other = RudeRegistry(SINGLE, lambda ask: crumbs(ask) if ask.number < 3 else ask.wire.reply(404))
    bench.pull(bench.serve(early), bench.serve(other), threads=2, retry=replace(QUICK, attempts=1000))
    assert early.sent >= SINGLE.layers[0].size


@pytest.mark.row(6)
@pytest.mark.parametrize("threads", [1, 4])
def test_a_mirror_that_gives_a_byte_for_each_request(bench: Bench, wanted: bytes, threads: int) -> None:
    """Its replies are right, and well ended: they are none to ask for again at once, where another mirror has all."""

    def one_byte(ask: Ask) -> None:
        start, _ = ask.span
        told = [("Content-Length", "1"), ("Content-Range", f"bytes {start}-{start}/{len(ask.data)}")]
        if ask.request.range:
            ask.wire.head(206, told)
            ask.send(ask.data[start : start + 1])
        else:
            ask.cut(1 / len(ask.data))

    crumbling, well = RudeRegistry(IMAGE, one_byte), RudeRegistry(IMAGE, rate=1e6)
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(crumbling), bench.serve(well), threads=threads))
    assert time.monotonic() - began < 8
    assert len(crumbling.blobs) < 100


def test_a_pause_at_one_source_lasts_no_longer_than_it_should(bench: Bench) -> None:
    """The one connection pauses at the mirror that gives crumbs, and has nothing to ask of the other one."""
    early, other = RudeRegistry(SINGLE, lambda ask: ask.cut(0.1, ranged=False)), RudeRegistry(SINGLE, crumbs)
    began = time.monotonic()
    bench.pull(bench.serve(early), bench.serve(other), threads=1)
    assert time.monotonic() - began < 0.1 * len(other.blobs)


def dead(ask: Ask) -> None:
    ask.wire.reset()


@pytest.mark.row(13, 56)
@pytest.mark.parametrize("other", [dead, lambda ask: ask.wire.reply(503)])
def test_one_wrong_bit_beside_a_dead_mirror(bench: Bench, wanted: bytes, other: Fault) -> None:
    """The only mirror that lives lied once: nobody waits until the dead one has used up all its tries."""
    living = RudeRegistry(IMAGE, lambda ask: ask.give(flip=ask.number == 0))
    began = time.monotonic()
    patient = replace(QUICK, attempts=100)
    check(bench, wanted, bench.pull(bench.serve(living), bench.serve(RudeRegistry(IMAGE, other)), retry=patient))
    assert time.monotonic() - began < 5
    assert living.sent <= SIZE + IMAGE.layers[0].size


@pytest.mark.row(13, 56)
def test_a_mirror_that_is_always_wrong_beside_a_dead_one(bench: Bench) -> None:
    """What the living one has is wrong: the dead one is waited for, and the layer is fetched a few times."""
    wrong = bytearray(IMAGE.blobs[IMAGE.layers[0].digest])
    wrong[1000] ^= 1
    liar = RudeRegistry(replace(IMAGE, blobs={**IMAGE.blobs, IMAGE.layers[0].digest: bytes(wrong)}))
    server = bench.serve(liar)
    with pytest.raises(ContentError) as caught:
        bench.pull(server, bench.serve(RudeRegistry(IMAGE, dead)))
    assert server.host in str(caught.value)
    assert liar.sent <= SIZE + 3.1 * len(wrong)


@pytest.mark.row(10, 56)
@pytest.mark.parametrize("threads", [1, 4])
def test_two_mirrors_that_repeat_too_much(bench: Bench, threads: int) -> None:
    """Both ignore ranges and end early, each reply a little later: neither is spared for the other's sake."""

    def further(ask: Ask) -> None:
        ask.cut(min(1.0, 0.3 + 0.05 * ask.number), ranged=False)

    one, other = RudeRegistry(SINGLE, further), RudeRegistry(SINGLE, further)
    began = time.monotonic()
    bench.pull(bench.serve(one), bench.serve(other), threads=threads)
    assert time.monotonic() - began < 10
