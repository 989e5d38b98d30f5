"""Pull through what registries, proxies and links really do: the archive to the byte, or one line and its state."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest
from support.images import make_image
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, Fault, RudeRegistry, honest

from dockferry import Access, pull
from dockferry.errors import ContentError, DockferryError, NetworkError
from dockferry.events import Event, Warned
from dockferry.transfer.retry import RetryPolicy
from dockferry.usecases.pull import PullResult

IMAGE = make_image([2_000_000, 0, 500_000, 300_000, 1, 200_000, 150_000, 100_000, 90_000], seed=7)
SIZE = sum(layer.size for layer in IMAGE.layers)
NAME = "registry.example:5000/demo/app:1.0"
QUICK = RetryPolicy(attempts=8, base=0.05, longest=0.5, first=0.02)
ACCESS = Access(connect_timeout=2.0, first_byte_timeout=3.0, idle_timeout=0.4)
THREADS = pytest.mark.parametrize("threads", [1, None, 20])


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies are no part of any test."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Bench:
    """Rude registries, and pulls from them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.events: List[Event] = []
        self._stack = ExitStack()

    def serve(self, handler: Any) -> RudeServer:
        server = self._stack.enter_context(RudeServer(handler))
        if isinstance(handler, RudeRegistry):
            handler.ending = server.ending
        return server

    def pull(self, *servers: RudeServer, threads: Optional[int] = None, **more: Any) -> PullResult:
        options = {"access": ACCESS, "retry": QUICK, "output": self.directory / "a.tar", **more}
        mirrors = [server.url for server in servers]
        return pull(NAME, mirrors=mirrors, threads=threads, on_event=self.events.append, **options)

    def told(self, kind: Any) -> List[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def left(self) -> List[str]:
        return sorted(path.name for path in self.directory.iterdir())

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive's bytes, pulled undisturbed over one connection."""
    with RudeServer(RudeRegistry(IMAGE, rate=1e9)) as server:
        target = tmp_path_factory.mktemp("wanted") / "a.tar"
        return pull(NAME, mirrors=[server.url], threads=1, output=target).path.read_bytes()


def check(bench: Bench, wanted: bytes, result: PullResult) -> None:
    assert result.path.read_bytes() == wanted
    assert bench.left() == ["a.tar"]


# Faults: how a blob request goes


def ignored_and_cut(ask: Ask) -> None:
    ask.cut(0.6, ranged=False) if ask.chance(0.5) else ask.give(ranged=False)


def ignored_now_and_then(ask: Ask) -> None:
    ask.cut(0.5, ranged=ask.chance(0.4, 1)) if ask.chance(0.5) else ask.give(ranged=ask.chance(0.4, 1))


def refused_400(ask: Ask) -> None:
    if ask.request.range:
        ask.wire.reply(400)
    else:
        ignored_and_cut(ask)


def refused_416(ask: Ask) -> None:
    if ask.request.range:
        ask.wire.reply(416, b"", [("Content-Range", f"bytes */{len(ask.data)}")])
    else:
        ignored_and_cut(ask)


def wrong_content_range(ask: Ask) -> None:
    if ask.request.range and ask.chance(0.5, 1):
        start, end = ask.span
        ask.give(claim=f"bytes {start + 1}-{end}/{len(ask.data)}")
    else:
        cut(ask)


def always_wrong_content_range(ask: Ask) -> None:
    start, end = ask.span
    if ask.request.range:
        ask.give(claim=f"bytes {start + 1}-{end}/{len(ask.data)}")
    else:
        ask.cut(0.6) if ask.chance(0.5) else ask.give()


def less_than_asked(ask: Ask) -> None:
    start, end = ask.span
    end = min(end, start + 300_000)
    fields = [("Content-Length", str(end - start)), ("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}")]
    if ask.request.range:
        ask.wire.head(206, fields)
        ask.send(ask.data[start:end])
    else:
        ask.give()


def cut(ask: Ask) -> None:
    ask.cut(0.6) if ask.chance(0.5) else ask.give()


def reset(ask: Ask) -> None:
    if ask.chance(0.3):
        ask.give(0.5)
        ask.wire.reset()
    else:
        ask.give()


def reset_before_answer(ask: Ask) -> None:
    ask.wire.reset() if ask.chance(0.3) else ask.give()


def stalled(ask: Ask) -> None:
    if ask.chance(0.3):
        ask.give(0.5)
        ask.wire.stall()
    else:
        ask.give()


def busy_now_and_then(ask: Ask) -> None:
    ask.wire.reply(503) if ask.chance(0.4) else ask.give()


def busy_burst(ask: Ask) -> None:
    ask.wire.reply(502 + ask.number % 3) if 1 < ask.number < 6 else ask.give()


def closing(ask: Ask) -> None:
    ask.give(fields=[("Connection", "close")])
    ask.wire.close()


def closes_silently(ask: Ask) -> None:
    ask.give()
    ask.wire.close()


def without_length(ask: Ask) -> None:
    start, end = ask.span
    fields = [("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}")] if ask.request.range else []
    status = 206 if ask.request.range else 200
    if ask.chance(0.5):
        ask.wire.head(status, [*fields, ("Transfer-Encoding", "chunked")])
        stop = end if ask.chance(0.6, 1) else (start + end) // 2
        for place in range(start, stop, 50_000):
            part = ask.data[place : min(place + 50_000, stop)]
            ask.wire.send(b"%x\r\n" % len(part))
            ask.send(part)
            ask.wire.send(b"\r\n")
        if stop == end:
            ask.wire.send(b"0\r\n\r\n")
            return
    else:
        ask.wire.head(status, [*fields, ("Connection", "close")])
        ask.send(ask.data[start : end if ask.chance(0.6, 1) else (start + end) // 2])
    ask.wire.close()


FAULTS = [
    cut,
    reset,
    reset_before_answer,
    stalled,
    less_than_asked,
    busy_now_and_then,
    busy_burst,
    closing,
    closes_silently,
    without_length,
]
"""No byte need be lost by these."""

RANGELESS = [
    wrong_content_range,
    ignored_and_cut,
    ignored_now_and_then,
    refused_400,
    refused_416,
    always_wrong_content_range,
]
"""The server itself gives bytes again and again."""


@THREADS
@pytest.mark.parametrize("fault", [honest, *FAULTS], ids=lambda fault: fault.__name__)
def test_faults_cost_no_bytes(bench: Bench, wanted: bytes, fault: Fault, threads: Optional[int]) -> None:
    """The archive is the same to the byte, soon, and hardly a byte was fetched twice."""
    registry = RudeRegistry(IMAGE, fault)
    began = time.monotonic()
    result = bench.pull(bench.serve(registry), threads=threads)
    took = time.monotonic() - began
    check(bench, wanted, result)
    print(fault.__name__, threads, f"{took:.2f}s", registry.sent / SIZE, len(registry.blobs))
    assert registry.sent <= 1.3 * SIZE
    assert took < 10


@THREADS
@pytest.mark.parametrize("fault", RANGELESS, ids=lambda fault: fault.__name__)
def test_ranges_refused(bench: Bench, wanted: bytes, fault: Fault, threads: Optional[int]) -> None:
    """Without ranges, and with bodies cut, the archive is the same to the byte in the end."""
    registry = RudeRegistry(IMAGE, fault)
    began = time.monotonic()
    result = bench.pull(bench.serve(registry), threads=threads)
    took = time.monotonic() - began
    check(bench, wanted, result)
    print(fault.__name__, threads, f"{took:.2f}s", registry.sent / SIZE, len(registry.blobs))
    assert took < 10


class Limit:
    """At most `most` at a time, 429 for the others; for one in four to be waited for longer than a test lasts."""

    def __init__(self, most: int) -> None:
        self._free = threading.Semaphore(most)
        self.refusals = 0

    def __call__(self, ask: Ask) -> None:
        if ask.number % 4 == 3 or not self._free.acquire(blocking=False):
            self.refusals += 1
            ask.wire.reply(429, b"", [("Retry-After", "60")])
            return
        try:
            ask.give()
        finally:
            self._free.release()


@pytest.mark.parametrize("threads", [None, 20])
def test_too_many_connections(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """429 to all but two connections: those two go on with everything, whatever the others were told to wait."""
    limit = Limit(2)
    registry = RudeRegistry(IMAGE, limit, rate=4e6)
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads))
    assert time.monotonic() - began < 5
    assert 0 < limit.refusals <= 40
    assert registry.sent <= 1.1 * SIZE


def test_a_wrong_bit_once(bench: Bench, wanted: bytes) -> None:
    """One wrong bit costs its layer once more, and is told with the host's name."""
    registry = RudeRegistry(IMAGE, lambda ask: ask.give(flip=ask.number == 1))
    server = bench.serve(registry)
    check(bench, wanted, bench.pull(server))
    assert registry.sent <= SIZE + IMAGE.layers[0].size
    assert any(server.host in event.message and "wrong" in event.message for event in bench.told(Warned))


@THREADS
def test_a_wrong_bit_in_every_third_body(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """Patience lasts while each failure is another one."""
    registry = RudeRegistry(IMAGE, lambda ask: ask.give(flip=ask.chance(0.3)))
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads))


@THREADS
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


def test_a_mirror_that_always_lies(bench: Bench, wanted: bytes) -> None:
    """Two mirrors, one of which changes a bit in every body: it is named, and the other one finishes."""
    liar = bench.serve(RudeRegistry(IMAGE, lambda ask: ask.give(flip=True)))
    honestly = RudeRegistry(IMAGE)
    check(bench, wanted, bench.pull(liar, bench.serve(honestly), threads=4))
    assert any(liar.host in event.message for event in bench.told(Warned))
    assert honestly.sent <= 1.3 * SIZE


class Storage:
    """A storage host on another origin: signed URLs that live `life` seconds; bodies are cut now and then."""

    def __init__(self, registry: RudeRegistry, life: float) -> None:
        self.registry, self.life = registry, life
        self.expired = 0

    def url(self, server: RudeServer, ask: Ask) -> str:
        name = ask.request.target.rpartition("/")[2]
        return f"{server.url}/{name}?expires={time.monotonic() + self.life}&signature=SIGNED"

    def __call__(self, request: Request, wire: Wire) -> None:
        path, _, query = request.target.partition("?")
        if time.monotonic() > float(query.partition("&")[0].partition("=")[2]):
            self.expired += 1
            wire.reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        else:
            self.registry(replace(request, target=path), wire)


@THREADS
def test_signed_urls_that_expire(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """A signed URL that is over is made anew by the registry; the login stays at home, the signature out of sight."""
    behind = Storage(RudeRegistry(IMAGE, cut, rate=2e6), life=0.3)
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
    assert behind.expired or threads == 20
    assert front.requests[-1].header("authorization") is not None
    assert all(request.header("authorization") is None for request in storage.requests)
    assert not storage.saw(base64.b64encode(b"me:SECRET-PASSWORD").decode())
    assert not any("SIGNED" in repr(event) or "SECRET" in repr(event) for event in bench.events)


class Tokens:
    """A registry whose tokens live `life` seconds, made by a token server that counts."""

    def __init__(self, registry: RudeRegistry, life: float) -> None:
        self.registry, self.life = registry, life
        self.made: Dict[str, float] = {}
        self.realm = ""

    def token(self, request: Request, wire: Wire) -> None:
        name = f"token-{len(self.made)}"
        self.made[name] = time.monotonic() + self.life
        wire.reply(200, json.dumps({"token": name, "expires_in": self.life}).encode())

    def __call__(self, request: Request, wire: Wire) -> None:
        sent = (request.header("authorization") or "").rpartition(" ")[2]
        if time.monotonic() < self.made.get(sent, 0.0):
            self.registry(request, wire)
        else:
            challenge = f'Bearer realm="{self.realm}",service="s",scope="repository:demo/app:pull"'
            wire.reply(401, b"", [("WWW-Authenticate", challenge)])


@THREADS
def test_tokens_that_live_a_moment(bench: Bench, wanted: bytes, threads: Optional[int]) -> None:
    """A token that expires while bodies are on their way costs one new token, not one for each connection."""
    guard = Tokens(RudeRegistry(IMAGE, cut, rate=6e5), life=1.0)
    front, tokens = bench.serve(guard), bench.serve(guard.token)
    guard.registry.ending = front.ending
    guard.realm = f"{tokens.url}/token"
    began = time.monotonic()
    check(bench, wanted, bench.pull(front, threads=threads))
    took = time.monotonic() - began
    assert guard.registry.sent <= 1.3 * SIZE
    assert len(guard.made) <= 2 + took / 0.7
    print("tokens", threads, f"{took:.2f}s", len(guard.made))


@pytest.mark.parametrize(
    ("location", "word"),
    [
        ("file:///etc/passwd", "http or https"),
        ("ftp://127.0.0.1/x", "http or https"),
        ("//user:password@127.0.0.1/x", "without a login"),
        ("/v2/demo/app/blobs/again", "redirects in a row"),
    ],
)
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


PORTAL = b"<html><title>Please log in</title></html>"


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


HTML = [("Content-Type", "text/html; charset=utf-8")]


@pytest.mark.parametrize("chunked", [False, True])
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
