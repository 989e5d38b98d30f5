"""Requests and connections: what a pull asks for, each of it once, over as few connections as it was told."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

import pytest
from support.bounds import hold
from support.costs import MIB, NAME, plain_image, size_of
from support.guards import Tokens
from support.images import MadeImage, make_index
from support.pulls import Bench
from support.registries import Registry
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, RudeRegistry
from support.served import store_of
from support.thefts import check_sent, most_twice, twice
from support.token_server import PUBLIC

from dockferry import pull
from dockferry.events import Finished
from dockferry.serve import Served, serve

SMALL = plain_image(*range(10_000, 22_000, 1_000))
"""Twelve layers of 10 to 21 kB."""
LARGE = plain_image(48 * MIB, seed=2)
BLOB = "/v2/demo/app/blobs/{}".format
MANIFEST = "/v2/demo/app/manifests/{}".format
CONNECTIONS = pytest.mark.parametrize("threads", [1, 2, None, 20])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def registry_of(image: MadeImage) -> RudeRegistry:
    """An honest one, as fast as it goes."""
    return RudeRegistry(image, rate=1e12)


def everything(image: MadeImage) -> List[Tuple[str, str]]:
    """The manifest by its tag, the config, and every layer: GET, each once, and nothing else."""
    blobs = [image.config, *image.layers]
    return sorted([("GET", MANIFEST("1.0")), *(("GET", BLOB(blob.digest)) for blob in blobs)])


def asked(server: RudeServer) -> List[Tuple[str, str]]:
    return sorted((one.method, one.target) for one in server.requests)


@CONNECTIONS
def test_every_document_and_every_small_layer_is_one_request(bench: Bench, threads: Optional[int]) -> None:
    """No HEAD, no look at /v2/, no manifest twice, no small layer in parts; over connections that are used again."""
    server = bench.serve(registry_of(SMALL))
    bench.pull(server, threads=threads)
    assert asked(server) == everything(SMALL)
    assert [one.header("range") for one in server.requests] == [None] * len(server.requests)
    assert server.connections <= (threads or 20) + 1
    if threads == 1:
        assert server.connections == 1


def test_a_layer_that_stands_twice_in_the_manifest_is_fetched_once(bench: Bench) -> None:
    """One request for its one digest."""
    first = plain_image(30_000, 30_000)
    doubled = first.manifest.replace(str(first.layers[1].digest).encode(), str(first.layers[0].digest).encode())
    config = first.blobs[first.config.digest]
    both = config.replace(first.layers[1].digest.hex.encode(), first.layers[0].digest.hex.encode())
    described = replace(first.config, digest=type(first.config.digest).of(both))
    doubled = doubled.replace(first.config.digest.hex.encode(), described.digest.hex.encode())
    image = replace(
        first,
        manifest=doubled,
        config=described,
        layers=first.layers[:1],
        blobs={**first.blobs, described.digest: both},
    )
    server = bench.serve(registry_of(image))
    bench.pull(server, threads=4)
    assert asked(server) == everything(image)


def test_of_an_index_one_manifest_is_asked_for(tmp_path: Path) -> None:
    """The index by its tag, the platform's manifest by its digest; of the others nothing."""
    amd, arm = plain_image(20_000), plain_image(25_000, seed=3)
    index = make_index({"amd64": amd, "arm64": arm})
    store = store_of(amd)
    store.add_manifest("demo/app", index.raw, index.media_type, "1.0")
    requests: List[Served] = []
    with serve(store, on_request=requests.append) as running:
        pull(f"{running.host}/demo/app:1.0", platform="linux/amd64", output=tmp_path / "a.tar", threads=2)
    wanted = sorted([*everything(amd), ("GET", MANIFEST(amd.digest))])
    assert sorted((one.method, one.target) for one in requests) == wanted


def served(directory: Path, threads: int) -> List[Served]:
    """The requests for LARGE, from a registry that keeps no client waiting."""
    requests: List[Served] = []
    with serve(store_of(LARGE), on_request=requests.append) as running:
        pull(NAME, mirrors=[f"http://{running.host}"], threads=threads, output=directory / "a.tar")
    return requests


@pytest.mark.parametrize("threads", [1, 4, 20])
def test_a_large_layer_is_few_ranges_and_no_byte_of_it_comes_twice(tmp_path: Path, threads: int) -> None:
    """One connection asks once; several for their share or 4 MiB at a time, and for little twice each at the end."""

    def run(folder: Path) -> Dict[str, float]:
        requests = served(folder, threads)
        ranges = [one for one in requests if one.target == BLOB(LARGE.layers[0].digest)]
        if threads == 1:
            assert len(ranges) == 1
        assert len(ranges) <= max(threads, size_of(LARGE) // (4 * MIB)) + 2 * threads
        assert len(requests) == len(ranges) + 2
        sent = check_sent(requests, LARGE, threads)
        clients = len({one.client for one in requests}) - sent.thefts  # who is stolen from begins anew
        return {**twice(sent), "connections": clients}

    hold(tmp_path, run, {**most_twice(LARGE), "connections": threads})


@pytest.mark.parametrize("format", ["docker", "oci"])
def test_what_is_there_already_costs_one_request(bench: Bench, format: str) -> None:
    """The manifest, over one connection; no config, no byte of a layer."""
    registry = registry_of(SMALL)
    server = bench.serve(registry)
    bench.pull(server, format=format)
    server.requests.clear()
    registry.blobs.clear()
    before = server.connections
    result = bench.pull(server, format=format)
    assert not result.fresh
    assert [one.fresh for one in bench.told(Finished)] == [True, False]
    assert asked(server) == [("GET", MANIFEST("1.0"))]
    assert registry.blobs == []
    assert server.connections == before + 1


@pytest.mark.parametrize("threads", [1, 5, 20])
def test_one_token_serves_a_whole_pull(bench: Bench, threads: int) -> None:
    """One refusal, one token, and then everything once."""
    guard = Tokens(registry_of(SMALL), life=300.0)
    desk = bench.serve(guard.token)
    guard.realm = f"{desk.url}/token"
    server = bench.serve(guard)
    bench.pull(server, threads=threads)
    assert len(desk.requests) == 1
    assert asked(server) == sorted([*everything(SMALL), ("GET", MANIFEST("1.0"))])


@pytest.mark.real
def test_a_real_registry_wants_one_token(registry_token: Registry, tmp_path: Path) -> None:
    """docker-registry with a token server: five connections, twelve layers, one token."""
    reference = registry_token.push(f"{PUBLIC}app", "1.0", SMALL)
    assert registry_token.tokens is not None
    registry_token.tokens.requests.clear()
    pull(reference, output=tmp_path / "a.tar", threads=5)
    assert [(one.method, one.granted) for one in registry_token.tokens.requests] == [("GET", True)]


@pytest.mark.real
def test_a_real_registry_is_asked_for_each_thing_once(registry: Registry, tmp_path: Path) -> None:
    """By the word of docker-registry's own log: one line for each document and each layer, and no HEAD."""
    reference = registry.push("cost/app", "1.0", SMALL)
    log = registry.storage.with_name("log")
    before = log.stat().st_size
    pull(reference, output=tmp_path / "a.tar", threads=5)
    blobs = [SMALL.config, *SMALL.layers]
    paths = ["/v2/cost/app/manifests/1.0", *(f"/v2/cost/app/blobs/{blob.digest}" for blob in blobs)]
    deadline = time.monotonic() + 20  # a line may follow its answer
    while sum(logged(log, before).values()) < len(paths) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert logged(log, before) == Counter(f"GET {path} HTTP/1.1" for path in paths)


def logged(log: Path, before: int) -> Counter[str]:
    """The request lines in a registry's log after its first bytes, `before`."""
    lines = log.read_bytes()[before:].decode(errors="replace").splitlines()
    return Counter(word for line in lines for word in (line.partition('"')[2].partition('"')[0],) if " /v2/" in word)


class Elsewhere:
    """Blobs are at a storage host, whose URLs live longer than any test: `lookups` counts redirects by blob."""

    def __init__(self, bench: Bench, image: MadeImage) -> None:
        self.storage = registry_of(image)
        self.host = bench.serve(lambda request, wire: self.storage(self._plain(request), wire))
        self.lookups: Counter[str] = Counter()
        self.registry = replace(registry_of(image), fault=self._redirect)

    def _redirect(self, ask: Ask) -> None:
        name = ask.request.target.rpartition("/")[2]
        self.lookups[name] += 1
        ask.wire.reply(307, b"", [("Location", f"{self.host.url}/{name}?signature=SIGNED")])

    def _plain(self, request: Request) -> Request:
        return replace(request, target=request.target.partition("?")[0])

    def __call__(self, request: Request, wire: Wire) -> None:
        self.registry(request, wire)


@pytest.mark.parametrize("threads", [1, 4])
def test_where_a_blob_stands_is_asked_once(bench: Bench, threads: int) -> None:
    """Twelve layers behind redirects: a look-up and a request for each, over two times as many connections."""
    elsewhere = Elsewhere(bench, SMALL)
    server = bench.serve(elsewhere)
    bench.pull(server, threads=threads)
    assert elsewhere.lookups == Counter(str(layer.digest) for layer in SMALL.layers)
    assert len(elsewhere.host.requests) == len(SMALL.layers)
    assert server.connections <= threads + 1
    assert elsewhere.host.connections <= threads


def test_a_range_more_is_no_look_up_more(bench: Bench) -> None:
    """One large layer in many ranges: each connection looks it up once at most, and none for each range.

    The storage host is no faster than a line may be: a layer that floods in is left to one connection.
    """
    elsewhere = Elsewhere(bench, LARGE)
    elsewhere.storage.rate = 2e7
    server = bench.serve(elsewhere)
    bench.pull(server, threads=4)
    assert len(elsewhere.host.requests) > 4
    assert sum(elsewhere.lookups.values()) <= 4
