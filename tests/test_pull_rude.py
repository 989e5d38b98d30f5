"""Pull through what registries, proxies and links really do: the same archive to the byte, or one line and its state."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Iterator, List, Optional

import pytest
from dockferry.pull import PullResult
from support.images import make_image
from support.rude import RudeServer
from support.rude_registry import Ask, Fault, RudeRegistry, honest

from dockferry import Access, pull
from dockferry.events import Event
from dockferry.transfer.retry import RetryPolicy

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
    wrong_content_range,
]
"""No byte need be lost by these."""

RANGELESS = [ignored_and_cut, ignored_now_and_then, refused_400, refused_416, always_wrong_content_range]
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
    """At most `most` at a time, 429 for the others, and for one in four: to be waited for longer than a test lasts."""

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
