"""Pull through what registries, proxies and links really do: the same archive to the byte, or one line and state."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from support.certificates import make_authority
from support.command import Command
from support.images import make_image
from support.proxies import HttpProxy
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, Fault, RudeRegistry, honest

from dockferry import Access, pull, verify
from dockferry.errors import ContentError, DockferryError, NetworkError
from dockferry.events import Event, Warned
from dockferry.transfer.retry import RetryPolicy
from dockferry.usecases.pull import PullResult

IMAGE = make_image([2_000_000, 0, 500_000, 300_000, 1, 200_000, 150_000, 100_000, 90_000], seed=7)
SIZE = sum(layer.size for layer in IMAGE.layers)
NAME = "registry.example:5000/demo/app:1.0"
QUICK = RetryPolicy(attempts=8, base=0.03, longest=0.2, first=0.01)
ACCESS = Access(connect_timeout=2.0, first_byte_timeout=3.0, idle_timeout=0.3)
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

    def serve(self, handler: Any, tls: Optional[ssl.SSLContext] = None) -> RudeServer:
        server = self._stack.enter_context(RudeServer(handler, tls))
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


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tuple[ssl.SSLContext, str]:
    return make_authority(tmp_path_factory.mktemp("tls"), "127.0.0.1")


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
    assert registry.sent <= 4 * SIZE
    assert took < 10


class Limit:
    """At most `most` at a time, 429 for the others, and one in four, with a wait longer than a test lasts."""

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
    assert behind.expired or threads != 1
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
    guard = Tokens(RudeRegistry(IMAGE, cut, rate=2e6), life=0.5)
    front, tokens = bench.serve(guard), bench.serve(guard.token)
    guard.registry.ending = front.ending
    guard.realm = f"{tokens.url}/token"
    began = time.monotonic()
    check(bench, wanted, bench.pull(front, threads=threads))
    took = time.monotonic() - began
    assert guard.registry.sent <= 1.3 * SIZE
    assert len(guard.made) <= 2 + took / 0.35


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


def test_a_proxy_that_cuts(bench: Bench, wanted: bytes) -> None:
    """A proxy that ends every connection after 400 kB: the rest is asked for, and no byte twice."""
    registry = RudeRegistry(IMAGE)
    server = bench.serve(registry)
    with HttpProxy(most=400_000) as proxy:
        result = bench.pull(server, access=replace(ACCESS, proxy=f"http://{proxy.host}"))
    check(bench, wanted, result)
    assert len(proxy.asked) > 5
    assert result.received <= 1.05 * SIZE


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


def test_https_never_becomes_http(bench: Bench, tls: Tuple[ssl.SSLContext, str]) -> None:
    """A registry with TLS that points to a storage without: not followed, and the storage is never asked."""
    storage = bench.serve(RudeRegistry(IMAGE))
    context, authority = tls
    away = [("Location", f"{storage.url}/x")]
    front = bench.serve(RudeRegistry(IMAGE, lambda ask: ask.wire.reply(307, b"", away)), context)
    with pytest.raises(NetworkError, match="from https to http"):
        bench.pull(front, access=replace(ACCESS, ca_cert=authority))
    assert storage.requests == []


@pytest.mark.parametrize("fault", [cut, stalled, ignored_and_cut], ids=lambda fault: fault.__name__)
def test_the_command_line_gets_there(bench: Bench, dockferry: Command, wanted: bytes, fault: Fault) -> None:
    """The same from the command line, with its own patience: exit 0, the path and nothing else."""
    registry = RudeRegistry(IMAGE, fault)
    server = bench.serve(registry)
    done = dockferry("pull", NAME, "-r", server.url, "-o", "a.tar", "--progress", "none")
    assert (done.code, done.stdout) == (0, "a.tar\n"), done.stderr
    assert (bench.directory / "a.tar").read_bytes() == wanted


def test_the_command_line_gives_up_in_one_line(bench: Bench, dockferry: Command, wanted: bytes) -> None:
    """A redirect that is not followed: exit 5, one line, and state that the next run goes on from."""
    broken = [True]

    def half(ask: Ask) -> None:
        if broken[0] and ask.data == IMAGE.blobs[IMAGE.layers[0].digest]:
            ask.wire.reply(302, b"", [("Location", "file:///etc/passwd")])
        else:
            ask.give()

    registry = RudeRegistry(IMAGE, half)
    server = bench.serve(registry)
    argv = ["pull", NAME, "-r", server.url, "-o", "a.tar", "--progress", "none", "-t", "1"]
    done = dockferry(*argv)
    assert (done.code, done.stdout) == (5, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("dockferry: ")
    broken[0] = False
    assert dockferry(*argv).code == 0
    assert (bench.directory / "a.tar").read_bytes() == wanted
