"""Remedies: whatever a registry does, the one line that ends a run says what to do."""

from __future__ import annotations

import ast
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest
from support.handshakes import NoTLS
from support.images import make_image
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, RudeRegistry

import dockferry
from dockferry import errors
from dockferry.errors import CertificateError, DockferryError
from dockferry.events import Event, Retry
from dockferry.registry.access import Access
from dockferry.transfer.retry import RetryPolicy
from dockferry.usecases.inspection import inspect_image
from dockferry.usecases.pull import pull

SOURCE = Path(dockferry.__file__).parent
IMAGE = make_image([30_000, 20_000], seed=8)
QUICK = RetryPolicy(attempts=3, base=0.02, first=0.01, longest=0.05)
ACCESS = Access(connect_timeout=2, first_byte_timeout=2, idle_timeout=2)
LATER = "run the same command again later, or name another mirror with -r"
WAIT = "wait a while, log in with -u, or name another mirror with -r"
PAGE = "finish the network's login page in a browser, or check the proxy and the address of -r"
OTHER = "try another mirror with -r"
HTML = b"<html>Please log in</html>"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def failed(server: RudeServer, tmp_path: Path, events: List[Event]) -> DockferryError:
    with pytest.raises(DockferryError) as caught:
        pull(
            f"{server.host}/demo/app:1.0",
            output=tmp_path / "a.tar",
            platform="linux/amd64",
            access=ACCESS,
            retry=QUICK,
            on_event=events.append,
        )
    return caught.value


@pytest.mark.parametrize(
    ("answer", "remedy", "reason"),
    [
        (lambda wire: wire.reply(504), LATER, "504 Gateway Timeout"),
        (lambda wire: wire.reply(429), WAIT, "429 Too Many Requests"),
        (lambda wire: wire.reply(200, HTML, [("Content-Type", "text/html")]), PAGE, None),
        (lambda wire: wire.reply(511, HTML), PAGE, "511 Network Authentication Required"),
        (lambda wire: wire.reply(200, b"[]"), OTHER, None),
        (lambda wire: wire.reply(200, b"{}", [("Docker-Content-Digest", "sha256:x")]), OTHER, None),
        (lambda wire: wire.reply(418), "check the address and the name, or " + OTHER, None),
        (lambda wire: wire.reply(204), OTHER, None),
        (lambda wire: wire.reply(307), OTHER, None),
    ],
)
def test_a_manifest_that_cannot_be_had(
    answer: Callable[[Wire], None], remedy: str, reason: object, stack: ExitStack, tmp_path: Path
) -> None:
    """With what is likely to help; until then each retry's line has the short reason."""
    server = stack.enter_context(RudeServer(lambda request, wire: answer(wire)))
    events: List[Event] = []
    error = failed(server, tmp_path, events)
    assert error.remedy == remedy
    reasons = {event.reason for event in events if isinstance(event, Retry)}
    if reason is not None:
        assert reasons == {reason}


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (429, WAIT + "; the same command goes on from here"),
        (503, LATER + ": what was downloaded is kept"),
        (416, OTHER + "; the same command goes on from here"),
        (403, "its manifest was given, so the name is right: log in with -u, or " + OTHER),
        (404, "its manifest is there, so the host has lost it: " + OTHER + ", or push it again"),
    ],
)
def test_a_layer_that_cannot_be_had(status: int, remedy: str, stack: ExitStack, tmp_path: Path) -> None:
    """The same, and what was had is kept."""
    server = stack.enter_context(RudeServer(RudeRegistry(IMAGE, lambda ask: ask.wire.reply(status))))
    events: List[Event] = []
    error = failed(server, tmp_path, events)
    assert error.remedy == remedy
    shorts = [event.reason for event in events if isinstance(event, Retry)]
    assert all(short.startswith(f"{status}") for short in shorts)


def test_a_layer_that_is_cut_short_each_time(stack: ExitStack, tmp_path: Path) -> None:
    """Bytes came and were kept: the same command is the remedy."""

    def cut(ask: Ask) -> None:
        ask.wire.head(200, [("Content-Length", str(len(ask.data)))])
        ask.wire.close()

    server = stack.enter_context(RudeServer(RudeRegistry(IMAGE, cut)))
    assert failed(server, tmp_path, []).remedy == "run the same command again to go on from here"


def test_https_to_a_registry_without_tls_ends_at_once(stack: ExitStack) -> None:
    """One connection, no minute of retries, and a remedy that changes something."""
    tls: Any = NoTLS()
    server = stack.enter_context(RudeServer(lambda request, wire: wire.reply(404), tls))
    events: List[Event] = []
    began = time.monotonic()
    with pytest.raises(CertificateError) as caught:
        inspect_image("demo/app:1.0", mirrors=[f"https://{server.host}/"], access=ACCESS, on_event=events.append)
    assert time.monotonic() - began < 5
    assert server.connections == 1
    assert events == []
    assert caught.value.remedy == "where the registry has no TLS, write http:// in place of https://"


def test_two_sources_that_fail_are_told_apart(stack: ExitStack) -> None:
    """The reason of a common wait names the one that it is of."""

    def busy(request: Request, wire: Wire) -> None:
        wire.reply(503)

    hosts = [stack.enter_context(RudeServer(busy)).host for _ in range(2)]
    events: List[Event] = []
    with pytest.raises(DockferryError):
        inspect_image("demo/app:1.0", mirrors=hosts, access=ACCESS, retry=QUICK, on_event=events.append)
    reasons = {event.reason for event in events if isinstance(event, Retry)}
    assert reasons <= {f"{host}: 503 Service Unavailable" for host in hosts}
    assert reasons


def test_every_error_of_the_network_has_a_usual_remedy() -> None:
    """By its class, where nothing better is known."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    network = [kind for kind in kinds if issubclass(kind, errors.NetworkError)]
    assert len(network) > 5
    assert all(kind("x").remedy for kind in network)


def test_every_refusal_says_what_to_do() -> None:
    """No AuthError and no NotFoundError is made without a remedy; a helper's are told as warnings alone."""
    calls = [
        (path.name, node)
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in ("AuthError", "NotFoundError")
    ]
    silent = {name for name, call in calls if "remedy" not in {keyword.arg for keyword in call.keywords}}
    assert silent == {"credential_helper.py"}
