"""Pull what is not what it should be: the right bytes in the end, or an error that names blob and host."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Dict, List, Optional, Tuple

import pytest
from support import faults
from support.images import assemble, make_image, make_layer
from support.pulls import ACCESS, IMAGE, QUICK, SIZE, THREADS, Bench, check
from support.rude import Request, Wire
from support.rude_registry import Ask, Fault, RudeRegistry, honest

from dockferry import Access, pull, verify
from dockferry.errors import ContentError, DockferryError
from dockferry.events import Warned
from dockferry.oci.descriptor import OCI_INDEX
from dockferry.oci.digest import Digest
from dockferry.transfer.trust import BLOCK, MOST

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


def flipped(place: int) -> Fault:
    """The bit at `place` of the first layer is wrong, in the first reply that brings it."""
    done: List[int] = []

    def fault(ask: Ask) -> None:
        start, end = ask.span
        is_it = len(ask.data) == IMAGE.layers[0].size and start <= place < end
        if is_it and not done:
            done.append(ask.number)
            ask.data = with_wrong_bit(ask.data, place)
        ask.give()

    return fault


def with_wrong_bit(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.row(13)
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("share", [0.0, 0.25])
def test_a_wrong_bit_is_looked_for(bench: Bench, wanted: bytes, threads: int, share: float) -> None:
    """With one source the layer comes again until the wrong block has: what stands behind it is not fetched twice."""
    size = IMAGE.layers[0].size
    registry = RudeRegistry(IMAGE, flipped(int(share * size)), rate=2e6)
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads))
    again = registry.sent - SIZE
    assert again >= 1
    assert again <= threads * (share * size + 4 * BLOCK)


@pytest.mark.row(13)
def test_a_block_that_is_another_each_time(bench: Bench) -> None:
    """It is asked for a bounded number of times, and the rest of its layer only twice; then the error says where."""
    size = IMAGE.layers[0].size
    place = size // 2

    def fault(ask: Ask) -> None:
        start, end = ask.span
        if len(ask.data) == size and start <= place < end:
            ask.data = ask.data[:place] + b"%08d" % ask.number + ask.data[place + 8 :]
        ask.give()

    registry = RudeRegistry(IMAGE, fault)
    server = bench.serve(registry)
    with pytest.raises(ContentError, match="other bytes each time it gave 983040-1048575") as caught:
        bench.pull(server, threads=2)
    assert server.host in str(caught.value)
    assert str(IMAGE.layers[0].digest) in str(caught.value)
    assert registry.sent <= SIZE + size + 2 * MOST * BLOCK
    assert "a.tar" not in bench.left()
    registry.fault = honest
    bench.pull(server)
    assert bench.left() == ["a.tar"]


@pytest.mark.row(13)
def test_a_slow_link_that_brings_the_right_bytes_at_last(bench: Bench) -> None:
    """All of a block was wrong and comes again, in many small parts: that is no host that changes its mind."""
    image = make_image([BLOCK], seed=3)
    slow = Access(first_byte_timeout=3.0, idle_timeout=3.0)

    def fault(ask: Ask) -> None:
        if ask.number == 0:
            ask.data = ask.data[1:] + b"x"
            ask.give()
            return
        ask.wire.head(200, [("Content-Length", str(len(ask.data)))])
        for place in range(0, len(ask.data), 500):
            ask.send(ask.data[place : place + 500])

    registry = RudeRegistry(image, fault)
    server = bench.serve(registry)
    registry.rate = 16 * 1024 / 0.05  # 50 ms for each part
    bench.pull(server, threads=1, access=slow)
    assert registry.sent <= 2.1 * BLOCK


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


@pytest.mark.row(35)
@pytest.mark.parametrize("threads", [1, 4])
def test_only_ranges_are_answered_rightly(bench: Bench, wanted: bytes, threads: int) -> None:
    """Something between us and the host has its own answer to a request for a whole layer: a Range passes it by."""

    def scanned(ask: Ask) -> None:
        ask.give() if ask.request.range else ask.wire.reply(200, PORTAL, HTML)

    registry = RudeRegistry(IMAGE, scanned)
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads))
    assert registry.sent <= 1.1 * SIZE


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


@pytest.mark.row(13)
def test_ranges_from_beside(bench: Bench, wanted: bytes) -> None:
    """Ranges with the right header and the bytes next to them are found by the hash, and fetched again."""
    check(bench, wanted, bench.pull(bench.serve(RudeRegistry(IMAGE, faults.shifted)), threads=4))


@pytest.mark.row(39)
def test_layers_that_are_one(bench: Bench) -> None:
    """Layers that stand twice, and layers of nothing, are fetched once and listed each time."""
    one, two, empty = make_layer("a", bytes(100_000)), make_layer("b", b"b" * 50_000), make_layer("c", b"")
    image = assemble([one, empty, two, one, empty, one], settings={})
    registry = RudeRegistry(image, faults.cut)
    result = bench.pull(bench.serve(registry))
    assert verify(result.path, deep=True).blobs == 5
    assert registry.sent <= 1.3 * sum(layer.size for layer in set(image.layers))


@pytest.mark.row(37)
@pytest.mark.rule(7)
@pytest.mark.parametrize("digest", ["sha256:../../../../etc/passwd", "sha256:" + 64 * "A", "md5:" + 32 * "0", ""])
def test_a_bad_digest_is_never_used(bench: Bench, digest: str) -> None:
    """A manifest whose layer's digest is none: refused before any blob is asked for, and nothing is left."""
    document = json.loads(IMAGE.manifest)
    document["layers"][0]["digest"] = digest
    raw = json.dumps(document).encode()
    server = bench.serve(RudeRegistry(IMAGE, manifest=lambda request, wire: wire.reply(200, raw)))
    with pytest.raises(ContentError):
        bench.pull(server)
    assert len(server.requests) == 1
    assert bench.left() == []


def nested(depth: int) -> Tuple[str, Dict[str, bytes]]:
    """Indexes in indexes, the image below: the name of the first, and all by digest."""
    raw, kind = IMAGE.manifest, IMAGE.media_type
    found = {}
    for _ in range(depth):
        found[str(Digest.of(raw))] = raw
        entry = {"mediaType": kind, "digest": str(Digest.of(raw)), "size": len(raw)}
        entry["platform"] = {"os": "linux", "architecture": "amd64"}  # type: ignore[assignment]
        kind = OCI_INDEX
        raw = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": [entry]}).encode()
    return str(Digest.of(raw)), {**found, "1.0": raw, str(Digest.of(raw)): raw}


@pytest.mark.row(38)
def test_indexes_in_indexes_end(bench: Bench) -> None:
    """A chain of indexes is followed a little way, and ends with an error after a handful of requests."""
    _, documents = nested(50)

    def manifest(request: Request, wire: Wire) -> None:
        wire.reply(200, documents[request.target.rpartition("/")[2]])

    server = bench.serve(RudeRegistry(IMAGE, manifest=manifest))
    with pytest.raises(ContentError, match="nested"):
        bench.pull(server, platform="linux/amd64")
    assert len(server.requests) <= 5


@pytest.mark.row(38)
def test_an_index_of_too_many_is_refused(bench: Bench) -> None:
    """A fan-out past all sense costs one request."""
    entry = {"mediaType": IMAGE.media_type, "digest": str(IMAGE.digest), "size": len(IMAGE.manifest)}
    raw = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 5000}).encode()
    server = bench.serve(RudeRegistry(IMAGE, manifest=lambda request, wire: wire.reply(200, raw)))
    with pytest.raises(ContentError, match="1000"):
        bench.pull(server)
    assert len(server.requests) == 1


@pytest.mark.row(33)
@pytest.mark.rule(8)
def test_another_manifest_than_the_one_named(bench: Bench) -> None:
    """A name with a digest, and a registry that answers with another image: refused, nothing is left."""
    other = make_image([1000], seed=9)
    name = f"registry.example:5000/demo/app@{other.digest}"
    server = bench.serve(RudeRegistry(IMAGE))
    with pytest.raises(ContentError, match=str(other.digest)):
        pull(name, mirrors=[server.url], output=bench.directory / "a.tar", access=ACCESS, retry=QUICK)
    assert bench.left() == []


FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


@pytest.mark.rule(4)
@pytest.mark.parametrize("kind", [FOREIGN, IMAGE.layers[0].media_type])
def test_urls_in_a_manifest_are_not_asked(bench: Bench, kind: str) -> None:
    """A layer's own `urls` are another host's word: the registry gives it, or nobody does (CVE-2020-15157)."""
    elsewhere = bench.serve(RudeRegistry(IMAGE))
    document = json.loads(IMAGE.manifest)
    document["layers"][0].update({"urls": [f"{elsewhere.url}/layer"], "mediaType": kind})
    raw = json.dumps(document).encode()
    registry = RudeRegistry(IMAGE, manifest=lambda request, wire: wire.reply(200, raw))
    assert verify(bench.pull(bench.serve(registry)).path).blobs == len(IMAGE.blobs) + 1
    registry.fault = lambda ask: ask.wire.reply(404)
    with pytest.raises(DockferryError):
        bench.pull(bench.serve(registry), output=bench.directory / "b.tar")
    assert elsewhere.requests == []
