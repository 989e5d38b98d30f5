"""Connections opened ahead: while the config is waited for, where the registry is far away."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Sequence, Set, Tuple

import pytest
from support.black_hole import black_hole
from support.certificates import make_authority
from support.command import Command
from support.costs import plain_image
from support.handshakes import Handshakes, hang, reset, reset_late
from support.proxies import SocksProxy
from support.pulls import ACCESS, NAME, Bench
from support.rude import Request, RudeServer, Wire
from support.rude_registry import RudeRegistry

from dockferry import Access, NetworkError, inspect_image, pull
from dockferry.events import Retry
from dockferry.transfer.retry import RetryPolicy
from dockferry.usecases.pull import PullResult

IMAGE = plain_image(*range(10_000, 22_000, 1_000))
"""Twelve small layers."""
AWAY = 0.06


@dataclass
class Distant:
    """`IMAGE`'s registry: every answer comes `away` seconds late.

    `seen` is how many connections there were when the config was answered. The first request on each of the
    `closed` connections is answered by its end; `begun` are those that were. So are the first `lost` requests for
    the config; `asked` are the connections of all of them.
    """

    away: float
    closed: Sequence[int] = ()
    lost: int = 0
    asked: List[int] = field(default_factory=list)
    server: Optional[RudeServer] = None
    seen: int = 0
    begun: Set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.registry = RudeRegistry(IMAGE, rate=1e12)

    def __call__(self, request: Request, wire: Wire) -> None:
        assert self.server is not None
        if request.connection in self.closed and request.connection not in self.begun:
            self.begun.add(request.connection)
            return wire.close()
        wire.is_ending(self.away)
        if request.target.endswith(str(IMAGE.config.digest)):
            self.seen = self.server.connections
            self.asked.append(request.connection)
            if len(self.asked) <= self.lost:
                return wire.close()
        return self.registry(request, wire)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def serve(bench: Bench, distant: Distant, tls: Optional[ssl.SSLContext] = None) -> RudeServer:
    distant.server = bench.serve(distant, tls)
    distant.registry.ending = distant.server.ending
    return distant.server


def targets() -> List[str]:
    blobs = sorted(f"/v2/demo/app/blobs/{blob.digest}" for blob in (IMAGE.config, *IMAGE.layers))
    return [*blobs, "/v2/demo/app/manifests/1.0"]


@pytest.mark.parametrize(("threads", "wanted"), [(1, 1), (4, 4), (None, 5), (20, 12)])
def test_far_away_the_connections_are_open_when_the_config_comes(
    bench: Bench, threads: Optional[int], wanted: int
) -> None:
    """As many as the layers will be asked for over; each is used, and no request is made for it."""
    distant = Distant(AWAY)
    server = serve(bench, distant)
    bench.pull(server, threads=threads)
    assert distant.seen == wanted
    assert {one.connection for one in server.requests} == set(range(server.connections))
    assert sorted(server.targets()) == targets()


def test_with_tls_too(bench: Bench, tmp_path: Path) -> None:
    """The handshake is made ahead, with the same trust."""
    distant = Distant(AWAY)
    context, authority = make_authority(tmp_path, "127.0.0.1")
    server = serve(bench, distant, context)
    bench.pull(server, threads=4, access=Access(ca_cert=authority))
    assert distant.seen == 4
    assert server.connections == 4


def test_nearby_none_is_opened_ahead(bench: Bench) -> None:
    distant = Distant(0.0)
    bench.pull(serve(bench, distant), threads=4)
    assert distant.seen == 1


def test_what_is_there_already_costs_one_connection(bench: Bench) -> None:
    """The archive holds the config: nothing will be fetched."""
    server = serve(bench, Distant(AWAY))
    bench.pull(server, threads=4)
    before = server.connections
    assert not bench.pull(server, threads=4).fresh
    assert server.connections == before + 1


def test_one_that_was_closed_meanwhile_is_no_failure(bench: Bench) -> None:
    """As of any connection that was kept: asking anew is no retry."""
    distant = Distant(AWAY, closed=(1, 2, 3))
    server = serve(bench, distant)
    result = bench.pull(server, threads=4)
    assert result.fresh
    assert distant.begun == {1, 2, 3}
    assert bench.told(Retry) == []


def pull_meddled(bench: Bench, meddle: Callable[[socket.socket], object]) -> Tuple[RudeServer, PullResult]:
    context, authority = make_authority(bench.directory, "127.0.0.1")
    tls: Any = Handshakes(context, meddle)
    server = serve(bench, Distant(AWAY), tls)
    return server, bench.pull(server, threads=5, access=replace(ACCESS, ca_cert=authority))


def test_a_handshake_that_is_reset_is_made_again_when_it_is_needed(bench: Bench) -> None:
    """What went wrong before anybody waited for it is no failure, and the source is not charged with it."""
    server, result = pull_meddled(bench, reset)
    assert result.fresh
    assert bench.told(Retry) == []
    assert [(one.errors, one.stalls) for one in result.sources] == [(0, 0)]
    assert server.connections == 9


def test_one_that_was_long_waited_for_in_vain_is_a_failure(bench: Bench) -> None:
    """As if it had been dialled when it was needed."""
    _, result = pull_meddled(bench, reset_late)
    assert result.fresh
    assert result.sources[0].errors > 0


def test_one_that_is_slow_is_waited_for(bench: Bench) -> None:
    """No other is dialled meanwhile: there are as many as the user said."""
    server, _ = pull_meddled(bench, lambda sock: time.sleep(0.4))
    assert server.connections == 5
    assert {one.connection for one in server.requests} == set(range(5))


@pytest.mark.parametrize("lost", [1, 2])
def test_a_config_that_is_asked_for_again_comes_over_one_of_them(bench: Bench, lost: int) -> None:
    """They are there for whoever needs a connection: only those that were lost are dialled again."""
    distant = Distant(AWAY, lost=lost)
    server = serve(bench, distant)
    bench.pull(server, threads=4)
    assert distant.asked[:2] == [0, 4]  # the one that was kept; and in its place a new one, which is no retry
    assert set(distant.asked[2:]) <= {1, 2, 3}
    assert len(distant.asked) == lost + 1
    assert len(bench.told(Retry)) == lost - 1
    assert server.connections == 4 + lost


def test_where_connections_are_not_kept_none_is_opened_ahead(bench: Bench) -> None:
    """Each request has its own, as it would have had."""
    distant = Distant(AWAY)

    def closing(request: Request, wire: Wire) -> None:
        distant(request, Once(wire))

    server = bench.serve(closing)
    distant.server, distant.registry.ending = server, server.ending
    bench.pull(server, threads=4)
    assert distant.seen == 2
    assert server.connections == len(server.requests) == len(targets())


class Once(Wire):
    """Says with each reply that it is the connection's last, and closes it."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire.sock, wire._server)
        self._wire = wire

    def head(self, status: int, fields: Any = ()) -> None:
        super().head(status, [*fields, ("Connection", "close")])
        self._wire.is_open = False


def test_a_source_that_does_not_answer_holds_nobody_up(bench: Bench) -> None:
    """A black hole beside it: the layers are asked for as soon as the config is there."""
    distant = Distant(AWAY)
    server = serve(bench, distant)
    with black_hole() as hole:
        options = {"output": bench.directory / "a.tar", "threads": 4, "access": replace(ACCESS, connect_timeout=1.5)}
        pull(NAME, mirrors=[server.url, f"http://{hole}"], on_event=bench.events.append, **options)
    config = next(one.at for one in server.requests if one.target.endswith(str(IMAGE.config.digest)))
    layer = next(one.at for one in server.requests if one.at > config)
    assert layer - config < 1.0
    assert distant.seen == 2


def test_through_a_proxy_none_is_opened_ahead(bench: Bench) -> None:
    distant = Distant(AWAY)
    server = serve(bench, distant)
    with SocksProxy() as proxy:
        bench.pull(server, threads=4, access=replace(ACCESS, proxy=f"socks5h://{proxy.host}"))
    assert distant.seen == 1


def test_who_wants_no_layers_opens_none_ahead(bench: Bench) -> None:
    distant = Distant(AWAY)
    server = serve(bench, distant)
    inspect_image(NAME, mirrors=[server.url], access=ACCESS)
    assert (distant.seen, server.connections) == (1, 1)


@pytest.mark.row(52)
@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_where_few_files_may_be_open_none_is_opened_ahead(bench: Bench) -> None:
    """Else the archive could not be made for all the connections that nobody needs yet."""
    distant = Distant(AWAY)
    server = serve(bench, distant)
    limited = Command(bench.directory, files=14, timeout=60)
    done = limited("pull", NAME, "-r", server.url, "-o", "a.tar", "-t", "20", "--progress", "none")
    assert done.code == 0, done.stderr
    assert distant.seen == 1


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_pull_that_fails_leaves_no_connection(bench: Bench, tmp_path: Path, is_silent: bool) -> None:
    """Neither one that is open nor one in the middle of its handshake, nor a thread that waits for it."""
    context, authority = make_authority(tmp_path, "127.0.0.1")
    tls: Any = Handshakes(context, hang) if is_silent else context
    distant = Distant(AWAY, lost=100)
    server = serve(bench, distant, tls)
    with pytest.raises(NetworkError):
        bench.pull(server, threads=4, access=replace(ACCESS, ca_cert=authority), retry=RetryPolicy(attempts=1))
    assert server.connections >= 4
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (dialling() or any(map(threading.Thread.is_alive, server.threads()[1:]))):
        time.sleep(0.01)
    assert dialling() == []
    assert [one for one in server.threads()[1:] if one.is_alive()] == []


def dialling() -> List[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("dial ")]
