"""Connections opened ahead: while the config is waited for, where the registry is far away."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Set

import pytest
from support.certificates import make_authority
from support.costs import plain_image
from support.pulls import Bench
from support.rude import Request, RudeServer, Wire
from support.rude_registry import RudeRegistry

from dockferry import Access
from dockferry.events import Retry

IMAGE = plain_image(*range(10_000, 22_000, 1_000))
"""Twelve small layers."""
AWAY = 0.06


@dataclass
class Distant:
    """`IMAGE`'s registry: every answer comes `away` seconds late.

    `seen` is how many connections there were when the config was answered. The first request on each of the
    `closed` connections is answered by its end; `begun` are those that were.
    """

    away: float
    closed: Sequence[int] = ()
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
