"""The manual, section 1: many connections, 416, kept connections, names, authorization, progress, proof, retries."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import List

import pytest
from support import faults
from support.images import MadeImage, make_image
from support.manual import FIVE, NAME, Puller
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, Fault, RudeRegistry, honest


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


@pytest.fixture
def one_large() -> MadeImage:
    return make_image([6_000_000], seed=31)


class Served:
    """A rude registry that listens, and how many of its requests were under way at once."""

    def __init__(self, image: MadeImage, fault: Fault = honest, rate: float = 2e7) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()
        self._fault = fault
        self.registry = RudeRegistry(image, self._counted, rate=rate)
        self.server = RudeServer(self.registry)
        self.registry.ending = self.server.ending

    def _counted(self, ask: Ask) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            self._fault(ask)
        finally:
            with self._lock:
                self._now -= 1


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_many_connections_bring_one_layer(puller: Puller, one_large: MadeImage, threads: int) -> None:
    """`-t N`: so many at once bring one large layer."""
    served = Served(one_large, rate=1e6)
    with served.server as server:
        puller.pull(server, "-t", str(threads))
    assert served.most >= threads
    assert puller.is_whole(one_large)


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_never_more_connections_than_were_asked_for(puller: Puller, threads: int) -> None:
    """Where no range is taken over, and so none is broken off, the server has so many under way and not one more."""
    image = make_image([150_000] * 20, seed=33)
    served = Served(image, rate=1e6)
    with served.server as server:
        puller.pull(server, "-t", str(threads), "--share-from", "1GB")
    assert served.most == threads
    assert puller.is_whole(image)


def test_more_connections_are_faster(puller: Puller, tmp_path: Path, one_large: MadeImage) -> None:
    """Where each connection is held to a speed, eight take less than half the time of one."""
    took: List[float] = []
    for place, threads in enumerate(("1", "8")):
        (tmp_path / str(place)).mkdir()
        with Served(one_large, rate=1.5e6).server as server:
            began = time.monotonic()
            Puller(tmp_path / str(place)).pull(server, "-t", threads)
            took.append(time.monotonic() - began)
    assert took[1] < took[0] / 2, took


def test_416_is_dealt_with(puller: Puller) -> None:
    """A host that has no such range is asked for the whole."""
    with Served(FIVE, faults.refused_416).server as server:
        puller.pull(server)
    assert puller.is_whole()


def test_connections_are_kept(puller: Puller) -> None:
    """Forty layers over three connections take few more than three; none is opened for each request."""
    image = make_image([20_000] * 40, seed=32)
    with Served(image).server as server:
        puller.pull(server, "-t", "3")
        assert len(server.requests) > 40
        assert server.connections <= 8
    assert puller.is_whole(image)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("nginx", "/v2/library/nginx/manifests/latest"),
        ("nginx:1.27", "/v2/library/nginx/manifests/1.27"),
        ("infiniflow/ragflow:v0.17.0", "/v2/infiniflow/ragflow/manifests/v0.17.0"),
        ("docker.io/infiniflow/ragflow", "/v2/infiniflow/ragflow/manifests/latest"),
        ("ghcr.io/org/app:1.2", "/v2/org/app/manifests/1.2"),
    ],
)
def test_names_are_understood(puller: Puller, name: str, asked: str) -> None:
    """As Docker understands them, whichever registry they are fetched from."""
    with Served(FIVE).server as server:
        puller.pull(server, name=name)
        assert asked in server.targets()


def test_authorization_needs_no_hand(puller: Puller) -> None:
    """A registry that wants a token says where; it is fetched, and used for all that follows."""
    behind = RudeRegistry(FIVE)

    def front(request: Request, wire: Wire) -> None:
        if request.target.startswith("/token"):
            wire.reply(200, json.dumps({"token": "a-token"}).encode())
        elif request.header("authorization") == "Bearer a-token":
            behind(request, wire)
        else:
            realm = f"http://{request.header('host')}/token"
            wire.reply(401, b"", [("WWW-Authenticate", f'Bearer realm="{realm}",service="s"')])

    with RudeServer(front) as server:
        puller.pull(server)
        tokens = [target for target in server.targets() if target.startswith("/token")]
    assert len(tokens) == 1
    assert puller.is_whole()


def test_progress_is_shown(puller: Puller) -> None:
    """While it goes, on standard error; standard output has the archive's path alone."""
    with Served(FIVE, rate=100_000).server as server:
        done = puller.pull(server, "-t", "3")
    assert "[Global] " in done.stderr
    assert done.stdout.splitlines() == ["registry.example_5000_demo_app_1.0_amd64.tar"]


def test_every_byte_is_proved(puller: Puller, tmp_path: Path) -> None:
    """Where a layer is another than its digest says, there is no archive."""

    def lie(ask: Ask) -> None:
        ask.data = bytes(len(ask.data))
        ask.give()

    with Served(FIVE, lie).server as server:
        puller.pull(server, code=6)
    assert list(tmp_path.glob("*.tar")) == []


@pytest.mark.parametrize("fault", [faults.busy_burst, faults.cut, faults.reset, faults.stalled])
def test_errors_are_tried_again(puller: Puller, fault: Fault) -> None:
    """5xx, bodies that end early, resets and silence: the archive is there in the end."""
    with Served(FIVE, fault).server as server:
        puller.pull(server)
    assert puller.is_whole()


def test_the_image_keeps_its_own_name(puller: Puller, tmp_path: Path) -> None:
    """Whatever it was fetched from."""
    with Served(FIVE).server as server:
        puller.pull(server)
        host = server.host.encode()
    archive = next(tmp_path.glob("*.tar")).read_bytes()
    assert NAME.encode() in archive
    assert host not in archive
