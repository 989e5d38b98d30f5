"""Pull what is not what it should be: the right bytes in the end, or an error that names blob and host."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

import pytest
from support.images import make_image
from support.pulls import IMAGE, SIZE, THREADS, Bench, check
from support.rude_registry import Ask, RudeRegistry

from dockferry import verify
from dockferry.errors import ContentError, DockferryError
from dockferry.events import Warned

PORTAL = b"<html><title>Please log in</title></html>"
HTML = [("Content-Type", "text/html; charset=utf-8")]


@pytest.mark.row(13)
def test_a_wrong_bit_once(bench: Bench, wanted: bytes) -> None:
    """One wrong bit costs its layer once more, and is told with the host's name."""
    registry = RudeRegistry(IMAGE, lambda ask: ask.give(flip=ask.number == 1))
    server = bench.serve(registry)
    check(bench, wanted, bench.pull(server))
    assert registry.sent <= SIZE + IMAGE.layers[0].size
    assert any(server.host in event.message and "wrong" in event.message for event in bench.told(Warned))


@THREADS
@pytest.mark.row(13)
def test_a_wrong_bit_in_every_third_body(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """Patience lasts while each failure is another one."""
    registry = RudeRegistry(IMAGE, lambda ask: ask.give(flip=ask.chance(0.3)))
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads))


@THREADS
@pytest.mark.row(13)
@pytest.mark.rule(8)
def test_always_wrong(bench: Bench, threads: Optional[int]) -> None:
    """Wrong content that is what the host has: exit 6's error with blob and host, no final file, few bytes."""
    digest = IMAGE.layers[2].digest
    bad = bytearray(IMAGE.blobs[digest])
    bad[1000] ^= 1
    image = replace(IMAGE, blobs={**IMAGE.blobs, digest: bytes(bad)})
    registry = RudeRegistry(image)
    server = bench.serve(registry)
    with pytest.raises(ContentError) as caught:
        bench.pull(server, threads=threads)
    assert str(digest) in str(caught.value)
    assert server.host in str(caught.value)
    assert "a.tar" not in bench.left()
    assert registry.sent <= SIZE + 3 * len(bad)


@pytest.mark.row(35)
def test_a_captive_portal_instead_of_a_manifest(bench: Bench) -> None:
    """HTML with 200 is no manifest: one line that names the host and says what it was; nothing is left."""
    registry = RudeRegistry(IMAGE, manifest=lambda request, wire: wire.reply(200, PORTAL, HTML))
    server = bench.serve(registry)
    with pytest.raises(DockferryError) as caught:
        bench.pull(server)
    assert server.host in str(caught.value)
    assert "HTML" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert bench.left() == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.row(35)
def test_a_captive_portal_instead_of_layers(bench: Bench, wanted: bytes, chunked: bool) -> None:
    """HTML with 200 in the place of a layer is never taken for its bytes, with a length or without."""

    def portal(ask: Ask) -> None:
        if not ask.chance(0.5):
            ask.give()
        elif chunked:
            ask.wire.chunks(200, [PORTAL], HTML)
        else:
            ask.wire.reply(200, PORTAL, HTML)

    registry = RudeRegistry(IMAGE, portal)
    check(bench, wanted, bench.pull(bench.serve(registry)))
    assert registry.sent <= 1.1 * SIZE
    assert not bench.told(Warned)


def test_a_tag_that_moves_between_two_runs(bench: Bench) -> None:
    """The first run ends in the middle; then the tag is another image: its archive has nothing of the first."""
    registry = RudeRegistry(IMAGE, lambda ask: ask.cut(0.5) if ask.number < 3 else ask.wire.reply(404))
    with pytest.raises(DockferryError):
        bench.pull(bench.serve(registry))
    assert bench.left() == ["a.tar.part", "a.tar.part.journal"]
    other = make_image([400_000, 300_000], seed=8)
    result = bench.pull(bench.serve(RudeRegistry(other)))
    assert bench.left() == ["a.tar"]
    assert result.digest == str(other.digest)
    assert verify(result.path).blobs == 4
