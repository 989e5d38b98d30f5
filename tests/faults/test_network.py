"""Pull over links that crawl, break and go silent."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from support import faults
from support.black_hole import black_hole
from support.certificates import make_authority
from support.command import Command
from support.namespaced import namespaced
from support.proxies import HttpProxy
from support.pulls import ACCESS, IMAGE, NAME, QUICK, SIZE, Bench, check
from support.rude_registry import Ask, Fault, RudeRegistry
from support.served_process import served_process

from dockferry import pull
from dockferry.errors import ConnectError, NetworkError
from dockferry.events import Event, Progress
from dockferry.transfer.retry import RetryPolicy


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
    assert time.monotonic() - began < 15
    assert registry.sent <= 1.1 * SIZE


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_cuts(bench: Bench, wanted: bytes, tmp_path_factory: pytest.TempPathFactory, tls: bool) -> None:
    """A proxy that ends every connection after 400 kB: the rest is asked for, and no byte twice. Also where TLS to
    the registry goes within TLS to the proxy."""
    context, pem = make_authority(tmp_path_factory.mktemp("tls"), "127.0.0.1") if tls else (None, None)
    server = bench.serve(RudeRegistry(IMAGE), context)
    with HttpProxy(most=400_000, tls=context) as proxy:
        access = replace(ACCESS, ca_cert=pem, proxy=f"{proxy.scheme}://{proxy.host}")
        result = bench.pull(server, access=access)
    check(bench, wanted, result)
    assert len(proxy.asked) > 5
    assert result.received <= 1.05 * SIZE


@pytest.mark.row(2)
def test_a_black_hole_among_mirrors(bench: Bench, wanted: bytes) -> None:
    """A mirror that answers no connection costs its timeout once or twice; the other one does the work."""
    access = replace(ACCESS, connect_timeout=0.5)
    registry = RudeRegistry(IMAGE)
    server = bench.serve(registry)
    with black_hole() as hole:
        began = time.monotonic()
        target = bench.directory / "a.tar"
        mirrors = [f"http://{hole}", server.url]
        result = pull(NAME, mirrors=mirrors, threads=4, access=access, retry=QUICK, output=target)
        took = time.monotonic() - began
    check(bench, wanted, result)
    assert took < 4
    assert registry.sent <= 1.05 * SIZE


@pytest.mark.row(2)
def test_a_black_hole_alone(bench: Bench) -> None:
    """Without another source the end comes with the host's name, as soon as a host has to be reached."""
    began = time.monotonic()
    with black_hole() as hole, pytest.raises(ConnectError, match=hole):
        pull(
            NAME,
            mirrors=[f"http://{hole}"],
            access=replace(ACCESS, connect_timeout=0.1),
            retry=RetryPolicy(contact=2.0),
            output=bench.directory / "a",
        )
    assert 2.0 <= time.monotonic() - began < 4.0


@pytest.mark.row(7)
def test_a_link_that_collapses(tmp_path: Path) -> None:
    """Two mirrors, and one link falls to a hundredth in the middle: the other one takes over within seconds."""
    found = namespaced("collapse", tmp_path)
    assert found["same"]
    assert found["slow"] < found["size"] // 2
    assert found["received"] <= 1.3 * found["size"]
    assert found["took"] < 12


@pytest.mark.row(7)
def test_a_link_that_collapses_and_recovers(tmp_path: Path) -> None:
    """The only link falls to a tenth for a second: nothing is given up, hardly a byte comes twice."""
    found = namespaced("collapse of all", tmp_path)
    assert found["same"]
    assert found["received"] <= 1.3 * found["size"]
    assert found["took"] < 8


@pytest.mark.row(9)
@pytest.mark.rule(2)
def test_the_vetted_address_is_the_one_used(tmp_path: Path) -> None:
    """A name that is public when it is vetted and private when it is asked again: one lookup serves both.

    And where a new lookup gives a private address, the private host sees no connection at all.
    """
    found = namespaced("rebinding", tmp_path)
    assert found["received"] > 700_000
    assert found["lookups"] == 1
    assert "private address" in found["error"]
    assert (found["private"], found["connections"], found["left"]) == (0, 0, False)


def pull_and_stop(bench: Bench, mirrors: List[str], pid: int, retry: RetryPolicy = QUICK) -> float:
    """A pull during which the process `pid` is stopped (SIGSTOP) at a quarter: how long it took."""
    stopped = threading.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, Progress) and event.done > SIZE // 4 and not stopped.is_set():
            os.kill(pid, signal.SIGSTOP)
            stopped.set()

    began = time.monotonic()
    target = bench.directory / "a.tar"
    pull(NAME, mirrors=mirrors, threads=4, access=ACCESS, retry=retry, output=target, on_event=on_event, tick=0.02)
    assert stopped.is_set()
    return time.monotonic() - began


@pytest.mark.row(5)
def test_a_server_that_is_stopped(bench: Bench, wanted: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SIGSTOP: its connections stand and say nothing. The other mirror takes over after the idle timeout."""
    registry = RudeRegistry(IMAGE, rate=5e5)
    other = bench.serve(registry)
    with served_process(tmp_path_factory.mktemp("served"), 5e5) as (url, process):
        try:
            took = pull_and_stop(bench, [url, other.url], process.pid)
        finally:
            os.kill(process.pid, signal.SIGCONT)
    assert (bench.directory / "a.tar").read_bytes() == wanted
    assert took < 8
    assert registry.sent <= 1.1 * SIZE


@pytest.mark.row(5, 56)
def test_a_server_that_is_stopped_and_goes_on(
    bench: Bench, wanted: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The only source is stopped for a second: the pull waits for it, and ends when it has come back."""
    with served_process(tmp_path_factory.mktemp("served"), 1e6) as (url, process):
        later = threading.Timer(2.0, os.kill, (process.pid, signal.SIGCONT))
        later.start()
        try:
            patient = replace(QUICK, attempts=100)
            took = pull_and_stop(bench, [url], process.pid, patient)
        finally:
            later.cancel()
            os.kill(process.pid, signal.SIGCONT)
    assert (bench.directory / "a.tar").read_bytes() == wanted
    assert took < 10


WITHOUT_END = [faults.dripped_head, faults.interim_replies, faults.endless_trailers, faults.dripped_chunk]


@pytest.mark.row(6)
@pytest.mark.parametrize("endless", WITHOUT_END)
@pytest.mark.parametrize("threads", [1, 4])
def test_framing_without_end(bench: Bench, wanted: bytes, endless: Fault, threads: int) -> None:
    """What is no body never ends, though something comes all the time: it costs a timeout, not the pull."""
    registry = RudeRegistry(IMAGE, lambda ask: endless(ask) if ask.number < 2 else ask.give())
    quick = replace(ACCESS, first_byte_timeout=0.5)
    began = time.monotonic()
    check(bench, wanted, bench.pull(bench.serve(registry), threads=threads, access=quick))
    assert time.monotonic() - began < 5
    assert registry.sent <= 1.05 * SIZE


@pytest.mark.row(6)
@pytest.mark.parametrize("endless", [faults.dripped_head, faults.interim_replies])
def test_a_manifest_without_end(bench: Bench, endless: Fault) -> None:
    """The only registry never comes to the end of a head: an error that names it, and soon."""
    registry = RudeRegistry(IMAGE, manifest=lambda request, wire: endless(Ask(registry, request, wire, b"", 0)))
    server = bench.serve(registry)
    began = time.monotonic()
    with pytest.raises(NetworkError, match=r"no answer within 0\.2 s") as caught:
        bench.pull(server, access=replace(ACCESS, first_byte_timeout=0.2), retry=replace(QUICK, attempts=3))
    assert time.monotonic() - began < 5
    assert server.host in str(caught.value)


@pytest.mark.row(52)
@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
@pytest.mark.parametrize("most", [20, 28])
def test_few_file_descriptors(bench: Bench, wanted: bytes, most: int) -> None:
    """Twenty connections asked for, and no descriptors for them: fewer are used, and the archive is the same."""
    server = bench.serve(RudeRegistry(IMAGE, rate=2e6))
    limited = Command(bench.directory, files=most, timeout=60)
    done = limited("pull", NAME, "-r", server.url, "-o", "a.tar", "-t", "20", "--progress", "none")
    assert done.code == 0, done.stderr
    assert (bench.directory / "a.tar").read_bytes() == wanted
