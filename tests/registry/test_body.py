"""The byte path, against servers that cut, stall, drip and lie."""

from __future__ import annotations

import ssl
import threading
import time
from typing import Callable, Iterator, List, Optional, Tuple

import pytest
from support.rude import Request, RudeServer, Wire

from dockferry.errors import BodyError, NetworkError
from dockferry.registry.access import Access
from dockferry.registry.body import Body
from dockferry.registry.transport import Transport

Serve = Callable[..., RudeServer]
DATA = bytes(range(256)) * 1024
ACCESS = Access(idle_timeout=0.4, first_byte_timeout=5, connect_timeout=5)


class Client:
    """A transport for the test's servers."""

    def __init__(self, access: Access = ACCESS) -> None:
        self.transport = Transport(access, "https://127.0.0.1")

    def get(self, server: RudeServer, expect: Optional[int] = None) -> Body:
        body = self.transport.request("GET", f"{server.url}/x?sig=canary", {}).body
        if expect is not None:
            body.expect(expect)
        return body


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    yield made
    made.transport.close()


def drain(body: Body, size: int = 10000) -> bytes:
    """Everything, through a buffer of `size`."""
    view = memoryview(bytearray(size))
    found = bytearray()
    while True:
        count = body.readinto(view)
        if not count:
            return bytes(found)
        found += view[:count]


def drain_until_error(body: Body) -> Tuple[bytes, BodyError]:
    """What came before the error, and the error."""
    view = memoryview(bytearray(100_000))
    found = bytearray()
    try:
        while True:
            count = body.readinto(view)
            assert count, "ended without an error"
            found += view[:count]
    except BodyError as error:
        return bytes(found), error
    finally:
        body.close()


def whole(request: Request, wire: Wire) -> None:
    wire.reply(200, DATA)


def chunked(request: Request, wire: Wire) -> None:
    wire.chunks(200, [DATA[place : place + 7001] for place in range(0, len(DATA), 7001)])


def until_close(request: Request, wire: Wire) -> None:
    wire.head(200)
    wire.send(DATA)
    wire.close()


@pytest.mark.parametrize("size", [1, 13, 8192, 1 << 20])
@pytest.mark.parametrize("handler", [whole, chunked, until_close])
def test_every_framing_gives_the_bytes(handler: object, size: int, serve: Serve, client: Client) -> None:
    """By length, in chunks, until the end of the connection; through a buffer of any size."""
    data = DATA if size > 100 else DATA[:3000]
    body = client.get(serve(handler), len(data))
    assert drain(body, size) == data
    assert body.got == len(data)
    body.close()


@pytest.mark.parametrize("handler", [whole, chunked])
def test_a_connection_serves_again(handler: object, serve: Serve, client: Client) -> None:
    """A body that was read to its end leaves its connection to the next request."""
    server = serve(handler)
    for _ in range(3):
        body = client.get(server, len(DATA))
        assert drain(body) == DATA
        body.close()
    assert [request.connection for request in server.requests] == [0, 0, 0]


def test_tls_serves_again(serve: Serve, authority: Tuple[ssl.SSLContext, str]) -> None:
    """The same over TLS."""
    context, pem = authority
    server = serve(whole, context)
    client = Client(Access(ca_cert=pem))
    for _ in range(2):
        body = client.get(server, len(DATA))
        assert drain(body, 1 << 20) == DATA
        body.close()
    client.transport.close()
    assert server.connections == 1


def test_a_body_left_early_costs_its_connection(serve: Serve, client: Client) -> None:
    """What was not read cannot be taken for the next reply."""
    server = serve(whole)
    body = client.get(server)
    body.readinto(memoryview(bytearray(100)))
    body.close()
    again = client.get(server)
    assert drain(again) == DATA
    again.close()
    assert server.connections == 2


def test_discarding_a_short_rest_keeps_the_connection(serve: Serve, client: Client) -> None:
    """An error page is read rather than paid for with a handshake."""
    server = serve(lambda request, wire: wire.reply(404, b"no such thing"))
    client.get(server).discard()
    body = client.get(server)
    body.discard()
    body.discard()
    assert server.connections == 1


def cut(request: Request, wire: Wire) -> None:
    wire.head(200, [("Content-Length", str(len(DATA)))])
    wire.send(DATA[:1000])
    wire.close()


def cut_chunks(request: Request, wire: Wire) -> None:
    wire.head(200, [("Transfer-Encoding", "chunked")])
    wire.send(b"800\r\n" + DATA[:1000])
    wire.close()


def end_chunks_early(request: Request, wire: Wire) -> None:
    wire.chunks(200, [DATA[:1000]])


def close_early(request: Request, wire: Wire) -> None:
    wire.head(200)
    wire.send(DATA[:1000])
    wire.close()


def fall_silent(request: Request, wire: Wire) -> None:
    wire.head(200, [("Content-Length", str(len(DATA)))])
    wire.send(DATA[:1000])
    wire.stall()


def fall_silent_in_chunks(request: Request, wire: Wire) -> None:
    wire.head(200, [("Transfer-Encoding", "chunked")])
    wire.send(b"800\r\n" + DATA[:1000])
    wire.stall()


def bad_chunk(request: Request, wire: Wire) -> None:
    wire.head(200, [("Transfer-Encoding", "chunked")])
    wire.send(b"3e8\r\n" + DATA[:1000] + b"\r\nzz\r\n" + DATA)


def negative_chunk(request: Request, wire: Wire) -> None:
    wire.head(200, [("Transfer-Encoding", "chunked")])
    wire.send(b"3e8\r\n" + DATA[:1000] + b"\r\n-5\r\n" + DATA)


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (cut, "ended early"),
        (cut_chunks, "ended early"),
        (end_chunks_early, "ended early"),
        (close_early, "ended early"),
        (fall_silent, "silent for 0.4 s"),
        (fall_silent_in_chunks, "silent for 0.4 s"),
        (bad_chunk, "ended early"),
        (negative_chunk, "negative"),
    ],
)
def test_a_broken_body_keeps_its_bytes(handler: object, words: str, serve: Serve, client: Client) -> None:
    """Every byte before the break is given, then the error says host, bytes got and bytes wanted."""
    server = serve(handler)
    found, error = drain_until_error(client.get(server, len(DATA)))
    assert found == DATA[:1000]
    assert words in error.message
    assert server.host in error.message
    assert f"1000 of {len(DATA)} bytes" in error.message
    assert "canary" not in str(error)


def test_a_reset_keeps_what_was_read(serve: Serve, client: Client) -> None:
    """Bytes that were given before a RST stay given."""
    gate = threading.Event()

    def handler(request: Request, wire: Wire) -> None:
        wire.head(200, [("Content-Length", str(len(DATA)))])
        wire.send(DATA[:1000])
        gate.wait(10)
        wire.reset()

    body = client.get(serve(handler))
    view = memoryview(bytearray(1000))
    count = 0
    while count < 1000:
        count += body.readinto(view[count:])
    gate.set()
    assert bytes(view) == DATA[:1000]
    with pytest.raises(BodyError, match="1000 of"):
        body.readinto(view)
    body.close()


def test_after_silence_the_connection_is_dropped(serve: Serve, client: Client) -> None:
    """A late rest of one body must not begin the next."""
    server = serve(fall_silent)
    for _ in range(2):
        drain_until_error(client.get(server))
    assert server.connections == 2


@pytest.mark.parametrize("handler", [whole, chunked, until_close])
@pytest.mark.row(20)
def test_no_more_than_promised(handler: object, serve: Serve, client: Client) -> None:
    """Whatever goes on arriving, the reader gets the bytes it expects and no more; the connection is dropped."""
    server = serve(handler)
    for _ in range(2):
        body = client.get(server, 1000)
        assert drain(body, 1 << 20) == DATA[:1000]
        body.close()
    assert server.connections == 2


@pytest.mark.parametrize(
    "fields",
    [
        [("Content-Length", "5"), ("Content-Length", "5")],
        [("Content-Length", "5"), ("Content-Length", "6")],
        [("Content-Length", "5, 6")],
        [("Content-Length", "-5")],
        [("Content-Length", "five")],
        [("Content-Length", "0x5")],
        [("Content-Length", "5_0")],
        [("Transfer-Encoding", "gzip, chunked")],
        [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    ],
)
@pytest.mark.row(19)
def test_framing_that_can_be_read_two_ways_is_refused(
    fields: List[Tuple[str, str]], serve: Serve, client: Client
) -> None:
    """Two lengths, or one that is no number, are no length."""

    def handler(request: Request, wire: Wire) -> None:
        wire.head(200, fields)
        wire.send(b"hello")

    server = serve(handler)
    with pytest.raises(BodyError) as caught:
        client.get(server)
    assert server.host in caught.value.message


@pytest.mark.parametrize("tls", [False, True])
def test_abort_wakes_a_reader(tls: bool, serve: Serve, authority: Tuple[ssl.SSLContext, str]) -> None:
    """A receive that waits comes back at once, long before the idle timeout, and gives no false bytes."""
    context, pem = authority
    server = serve(fall_silent, context if tls else None)
    client = Client(Access(ca_cert=pem if tls else None, idle_timeout=60))
    body = client.get(server)
    found: List[Tuple[bytes, BodyError]] = []
    reader = threading.Thread(target=lambda: found.append(drain_until_error(body)))
    began = time.monotonic()
    reader.start()
    while body.got < 1000:
        time.sleep(0.001)
    body.abort()
    reader.join(10)
    assert not reader.is_alive()
    assert time.monotonic() - began < 5
    assert found[0][0] == DATA[:1000]
    client.transport.close()


def test_abort_after_close_harms_no_one(serve: Serve, client: Client) -> None:
    """The connection is in other hands by then."""
    server = serve(whole)
    first = client.get(server)
    assert drain(first) == DATA
    first.close()
    second = client.get(server)
    first.abort()
    first.close()
    assert drain(second) == DATA
    second.close()
    assert server.connections == 1


def test_a_document_that_drips_is_given_up(serve: Serve) -> None:
    """Each byte is in time, the whole never would be."""

    def handler(request: Request, wire: Wire) -> None:
        wire.head(200, [("Content-Length", "1000")])
        wire.drip(DATA[:1000], 0.02)

    client = Client(Access())
    body = client.get(serve(handler))
    with pytest.raises(NetworkError, match=r"not whole after 0\.2 s"):
        body.read(1000, patience=0.2)
    body.close()
    client.transport.close()


def test_read_is_bounded(serve: Serve, client: Client) -> None:
    """No more than its limit, whatever is sent."""
    body = client.get(serve(chunked))
    assert body.read(5000) == DATA[:5000]
    body.close()


def test_one_receive_for_each_call(serve: Serve, client: Client) -> None:
    """What has come is given at once: the buffer is not waited to be full."""
    gate = threading.Event()

    def handler(request: Request, wire: Wire) -> None:
        wire.head(200, [("Content-Length", "2000")])
        wire.send(DATA[:1000])
        assert gate.wait(10)
        wire.send(DATA[1000:2000])

    body = client.get(serve(handler))
    view = memoryview(bytearray(100_000))
    assert 0 < body.readinto(view) <= 1000
    gate.set()
    while body.got < 2000:
        assert body.readinto(view)
    assert body.readinto(view) == 0
    body.close()


@pytest.mark.parametrize("tls", [False, True])
def test_a_silence_is_told_and_loses_nothing(tls: bool, serve: Serve, authority: Tuple[ssl.SSLContext, str]) -> None:
    """None in a silence, after the time it was given; then the bytes that come, all of them, and 0 after the last."""
    gate = threading.Event()

    def handler(request: Request, wire: Wire) -> None:
        wire.head(200, [("Content-Length", "20000")])
        wire.send(DATA[:10000])
        assert gate.wait(10)
        wire.send(DATA[10000:20000])

    context, pem = authority
    server = serve(handler, context if tls else None)
    client = Client(Access(ca_cert=pem if tls else None, idle_timeout=10))
    body = client.get(server)
    buffer = bytearray(20000)
    view = memoryview(buffer)
    while body.got < 10000:
        assert body.readinto(view[body.got :])
    assert body.maybe_readinto(view[body.got :], 0.05) is None
    assert body.maybe_readinto(view[body.got :], 0.01) is None
    gate.set()
    while body.got < 20000:
        assert body.maybe_readinto(view[body.got :], 9)
    assert buffer == DATA[:20000]
    assert body.maybe_readinto(memoryview(bytearray(1)), 5) == 0
    body.close()
    client.transport.close()


def test_the_end_of_a_connection_is_no_silence(serve: Serve, client: Client) -> None:
    """A body that was cut is told at once."""
    body = client.get(serve(cut))
    view = memoryview(bytearray(100_000))
    while body.got < 1000:
        assert body.readinto(view)
    with pytest.raises(BodyError, match="ended early"):
        body.maybe_readinto(view, 9)
    body.close()
