"""Connections: TLS, proxies, what is sent, and what a failure is called."""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

import pytest
import trustme
from support.certificates import dated, make_authority
from support.handshakes import Handshakes, NoTLS, hang, speak_http
from support.proxies import HttpProxy, SocksProxy
from support.rude import Handler, Request, RudeServer, Wire

from dockferry.errors import AuthError, CertificateError, ConnectError, NetworkError, ReplyError, UsageError
from dockferry.registry.access import Access
from dockferry.registry.connections import PlainConnection
from dockferry.registry.lines import Call, Lines, hang_up
from dockferry.registry.transport import USER_AGENT, Transport
from dockferry.system.authorities import maybe_system_bundle

Serve = Callable[..., RudeServer]
Authority = Tuple[ssl.SSLContext, str]
QUICK = Access(connect_timeout=2, first_byte_timeout=2, idle_timeout=2)
OTHER_NAME = "wanted a certificate for {}, got one for another name"


def hello(request: Request, wire: Wire) -> None:
    wire.reply(200, b"hello")


def ask(access: Access, url: str, home: str = "https://127.0.0.1", **headers: str) -> bytes:
    """One request over a transport of its own."""
    transport = Transport(access, home)
    try:
        reply = transport.request("GET", url, headers)
        data = reply.body.read(1000)
        reply.body.close()
        return data
    finally:
        transport.close()


def failure(access: Access, url: str, home: str = "https://127.0.0.1") -> NetworkError:
    """The error, which must not show the query's secret anywhere, not even in its traceback."""
    secret = secrets.token_hex(8)
    with pytest.raises(NetworkError) as caught:
        ask(access, f"{url}/x?sig={secret}", home)
    shown = "".join(traceback.format_exception(type(caught.value), caught.value, caught.value.__traceback__))
    assert secret not in shown
    assert "canary" not in shown.replace("canary@", "")
    return caught.value


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.mark.rule(9)
def test_what_is_sent(serve: Serve) -> None:
    """Our name, no compression wanted, the given headers, and no cookie though one was set."""

    def handler(request: Request, wire: Wire) -> None:
        wire.reply(200, b"", [("Set-Cookie", "a=b")])

    server = serve(handler)
    transport = Transport(QUICK, server.url)
    for _ in range(2):
        transport.request("GET", f"{server.url}/a?b=c", {"Accept": "x/y"}).body.discard()
    transport.close()
    for request in server.requests:
        assert request.target == "/a?b=c"
        assert sorted(request.fields) == [
            ("Accept", "x/y"),
            ("Accept-Encoding", "identity"),
            ("Host", server.host),
            ("User-Agent", USER_AGENT),
        ]


def test_redirects_are_not_followed(serve: Serve) -> None:
    """A redirect is a reply like any other."""
    server = serve(lambda request, wire: wire.reply(307, b"", [("Location", "/elsewhere")]))
    transport = Transport(QUICK, server.url)
    reply = transport.request("GET", server.url + "/", {})
    assert (reply.status, reply.headers.get("location")) == (307, "/elsewhere")
    reply.body.discard()
    transport.close()
    assert server.targets() == ["/"]


def test_twenty_connections_are_kept(serve: Serve) -> None:
    """As many threads as a pull may have find their connections again."""
    barrier = threading.Barrier(20)

    def handler(request: Request, wire: Wire) -> None:
        barrier.wait(10)
        hello(request, wire)

    server = serve(handler)
    transport = Transport(QUICK, server.url)

    def work() -> None:
        for _ in range(3):
            reply = transport.request("GET", server.url + "/", {})
            assert reply.body.read(10) == b"hello"
            reply.body.close()

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    transport.close()
    assert (len(server.requests), server.connections) == (60, 20)


def test_a_connection_that_died_while_kept_is_no_failure(serve: Serve) -> None:
    """The far end closes just as it is asked again: a new connection is asked instead, once."""

    def handler(request: Request, wire: Wire) -> None:
        if request.connection == 0 and len(server.requests) == 2:
            wire.close()
        else:
            hello(request, wire)

    server = serve(handler)
    transport = Transport(QUICK, server.url)
    for _ in range(2):
        reply = transport.request("GET", server.url + "/", {})
        assert reply.body.read(10) == b"hello"
        reply.body.close()
    transport.close()
    assert [request.connection for request in server.requests] == [0, 0, 1]


def kept(serve: Serve, handler: Handler, count: int) -> Tuple[RudeServer, Transport]:
    """A transport that has left `count` connections to the server behind, which have been answered on."""
    server = serve(handler)
    transport = Transport(QUICK, server.url)
    replies = [transport.request("GET", server.url + "/", {}) for _ in range(count)]
    for reply in replies:
        reply.body.discard()
    assert [request.connection for request in server.requests] == list(range(count))
    return server, transport


def test_what_is_asked_again_goes_over_a_new_connection(serve: Serve) -> None:
    """The others that are kept may have died with it; they are left to those who ask next."""

    def handler(request: Request, wire: Wire) -> None:
        if request.target == "/again" and request.connection < 3:
            wire.close()
        else:
            hello(request, wire)

    server, transport = kept(serve, handler, 3)
    transport.request("GET", server.url + "/again", {}).body.discard()
    replies = [transport.request("GET", server.url + "/", {}) for _ in range(3)]
    for reply in replies:
        reply.body.discard()
    transport.close()
    assert [request.connection for request in server.requests[3:]] == [2, 3, 3, 1, 0]


def test_a_host_that_answers_nothing_is_asked_once_more_at_most(serve: Serve) -> None:
    """And that only where a connection had been kept; the next try is one request."""

    def handler(request: Request, wire: Wire) -> None:
        hello(request, wire) if request.target == "/" else wire.close()

    server, transport = kept(serve, handler, 1)
    for _ in range(2):
        with pytest.raises(ConnectError):
            transport.request("GET", server.url + "/none", {})
    transport.close()
    assert server.targets() == ["/", "/none", "/none", "/none"]


def test_a_kept_connection_that_is_cut_late_is_a_failure(serve: Serve) -> None:
    """Who drops a request after a while had it in hand: it is told, and not made again."""

    def handler(request: Request, wire: Wire) -> None:
        if request.target == "/slow":
            wire.is_ending(1.2)
            wire.close()
        else:
            hello(request, wire)

    server, transport = kept(serve, handler, 1)
    with pytest.raises(ConnectError, match="no answer"):
        transport.request("GET", server.url + "/slow", {})
    transport.close()
    assert server.targets() == ["/", "/slow"]


def test_what_may_have_been_done_is_not_asked_again(serve: Serve) -> None:
    """A POST that was lost on a kept connection is a failure: a refresh token may be good for one use."""

    def handler(request: Request, wire: Wire) -> None:
        hello(request, wire) if request.method == "GET" else wire.close()

    server, transport = kept(serve, handler, 2)
    with pytest.raises(ConnectError, match="no answer"):
        transport.request("POST", server.url + "/token", {}, b"refresh_token=1")
    transport.close()
    assert [request.method for request in server.requests] == ["GET", "GET", "POST"]


@pytest.mark.parametrize("is_whole", [False, True])
def test_an_aborted_request_is_not_made_again(serve: Serve, is_whole: bool) -> None:
    """Neither where its call was ended nor where the transport was; no other connection is spoilt by it."""
    asked = threading.Event()

    def handler(request: Request, wire: Wire) -> None:
        if request.target == "/stall":
            asked.set()
            wire.stall()
        else:
            hello(request, wire)

    server, transport = kept(serve, handler, 2)

    def end(call: Call) -> None:
        asked.wait(5)
        transport.abort() if is_whole else call.abort()

    with transport.call() as call:
        ending = threading.Thread(target=end, args=(call,))
        ending.start()
        with pytest.raises(ConnectError, match="stopped" if is_whole else "given up"):
            transport.request("GET", server.url + "/stall", {})
    ending.join()
    if not is_whole:
        transport.request("GET", server.url + "/", {}).body.discard()
    transport.close()
    assert [request.connection for request in server.requests] == [0, 1, 1] + [0] * (not is_whole)


def test_who_waits_for_a_connection_that_is_opened_ahead_can_be_woken(serve: Serve, authority: Authority) -> None:
    """Its call is ended while the handshake hangs: back at once, and nothing stays open."""
    context, pem = authority
    is_hanging = threading.Event()

    def meddle(sock: socket.socket) -> None:
        is_hanging.set()
        hang(sock)

    def handler(request: Request, wire: Wire) -> None:
        wire.is_ending(0.05)
        hello(request, wire)

    server = serve(handler, Handshakes(context, meddle))
    transport = Transport(Access(ca_cert=pem, connect_timeout=60), server.url)
    transport.request("GET", server.url + "/", {}).body.discard()
    transport.open_ahead(server.url, 2)
    reply = transport.request("GET", server.url + "/", {})

    def end(call: Call) -> None:
        is_hanging.wait(5)
        call.abort()

    with transport.call() as call:
        ending = threading.Thread(target=end, args=(call,))
        ending.start()
        began = time.monotonic()
        with pytest.raises(ConnectError, match="given up"):
            transport.request("GET", server.url + "/", {})
        assert time.monotonic() - began < 5
    ending.join()
    reply.body.discard()
    transport.abort()
    transport.close()
    assert server.connections == 2
    for thread in threading.enumerate():
        if thread.name.startswith("dial "):
            thread.join(5)
            assert not thread.is_alive()


def test_tls_with_the_authority_given(serve: Serve, authority: Authority) -> None:
    """--ca-cert makes a private authority trusted."""
    context, pem = authority
    assert ask(Access(ca_cert=pem), serve(hello, context).url) == b"hello"


def test_a_python_without_authorities_takes_the_systems(tmp_path: Path) -> None:
    """As python.org's on macOS, whose own paths lead nowhere. Where they do, or the user chose, those alone count.

    A directory leads somewhere where OpenSSL finds names in it that it looks for.
    """
    bundle = tmp_path / "cert.pem"
    bundle.write_text("")
    empty = tmp_path / "certs"
    empty.mkdir()
    bundles = [str(tmp_path / "missing"), str(bundle)]

    def found(cafile: Optional[str], capath: Optional[str], **environ: str) -> Optional[str]:
        own = ssl.DefaultVerifyPaths(cafile, capath, "SSL_CERT_FILE", "/none", "SSL_CERT_DIR", "/none")
        return maybe_system_bundle(own, environ, bundles)

    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (hashed / "5ed36f99.0").write_text("")
    assert found(None, None) == found(None, str(empty)) == found(None, str(tmp_path)) == str(bundle)
    assert found(str(bundle), None) is found(None, str(hashed)) is None
    assert found(None, None, SSL_CERT_FILE="/dev/null") is found(None, None, SSL_CERT_DIR="/none") is None


@pytest.mark.row(8)
@pytest.mark.rule(13)
def test_tls_without_it_is_a_hard_failure(serve: Serve, authority: Authority) -> None:
    """A certificate that is not trusted is no matter of retrying, and the remedy is named."""
    server = serve(hello, authority[0])
    error = failure(QUICK, server.url)
    assert isinstance(error, CertificateError)
    assert not error.is_retryable
    assert "--ca-cert" in error.remedy
    assert server.host in error.message
    assert server.requests == []


@pytest.mark.row(8)
@pytest.mark.rule(13)
def test_tls_with_another_name_is_a_hard_failure(serve: Serve, authority: Authority) -> None:
    """The certificate is another host's."""
    context, pem = authority
    server = serve(hello, context)
    error = failure(Access(ca_cert=pem), f"https://localhost:{server.port}")
    assert isinstance(error, CertificateError)
    assert "localhost" in error.message
    assert "--ca-cert does not help" in error.remedy


def test_a_certificate_of_another_name_behind_a_proxy(serve: Serve, authority: Authority) -> None:
    """The registry's is named as the registry's, the proxy's own as the proxy's."""
    context, pem = authority
    server = serve(hello, context)
    with HttpProxy() as proxy:
        url = f"https://r2.example:{server.port}"
        error = failure(Access(ca_cert=pem, proxy=f"http://{proxy.host}"), url)
    assert isinstance(error, CertificateError)
    assert error.message == f"r2.example:{server.port}: {OTHER_NAME.format('r2.example')}"
    with HttpProxy(tls=context) as proxy:
        named = proxy.host.replace("127.0.0.1", "localhost")
        error = failure(Access(ca_cert=pem, proxy=f"https://{named}"), server.url)
    assert isinstance(error, CertificateError)
    assert error.message == f"proxy https://{named}: {OTHER_NAME.format('localhost')}"
    assert "--ca-cert does not help" in error.remedy


@pytest.mark.parametrize(("begins", "ends", "said"), [(-9, -2, "has expired"), (2, 9, "is not valid yet")])
def test_a_certificate_of_another_time(begins: int, ends: int, said: str, serve: Serve, tmp_path: Path) -> None:
    """The clock is the first suspect; an authority would not help."""
    authority = trustme.CA()
    context = dated(authority, "127.0.0.1", begins, ends, tmp_path)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    error = failure(Access(ca_cert=str(tmp_path / "ca.pem")), serve(hello, context).url)
    assert isinstance(error, CertificateError)
    assert said in error.message
    assert "date and time" in error.remedy
    assert "--ca-cert" not in error.remedy


@pytest.mark.rule(13)
def test_insecure_is_for_the_registry_alone(serve: Serve, authority: Authority) -> None:
    """--insecure trusts the registry's own origin, and no other host that it may point to."""
    home, other = serve(hello, authority[0]), serve(hello, authority[0])
    access = Access(insecure=True)
    assert ask(access, home.url, home.url) == b"hello"
    assert isinstance(failure(access, other.url, home.url), CertificateError)


def test_a_missing_authority_is_a_usage_error(tmp_path: object) -> None:
    """A --ca-cert that is not there, or holds no certificate, is said before anything is sent."""
    for name in (f"{tmp_path}/none.pem", __file__):
        with pytest.raises(UsageError, match="--ca-cert"):
            ask(Access(ca_cert=name), "https://127.0.0.1:1/")


def test_plain_http_behind_https_is_named(serve: Serve) -> None:
    """Wanted TLS, got something else."""
    error = failure(QUICK, serve(lambda request, wire: None).url.replace("http:", "https:"))
    assert isinstance(error, ConnectError)


@pytest.mark.parametrize(
    ("is_written", "remedy"), [(True, "write http:// in place of https://"), (False, "--plain-http")]
)
def test_a_registry_without_tls_is_not_asked_again(is_written: bool, remedy: str, serve: Serve) -> None:
    """It will not have learnt TLS by the next time; the remedy is one that changes something."""
    url = serve(hello, NoTLS()).url
    transport = Transport(QUICK, url, is_written=is_written)
    with pytest.raises(CertificateError, match="wanted TLS, got something else") as caught:
        transport.request("GET", url, {})
    transport.close()
    assert not caught.value.is_retryable
    assert remedy in caught.value.remedy


def test_a_registry_that_has_spoken_tls_may_be_asked_again(serve: Serve, authority: Authority) -> None:
    """Something on the way has answered in its place, once: that may pass."""

    def once(request: Request, wire: Wire) -> None:
        wire.reply(200, b"hello", [("Connection", "close")])
        wire.close()

    context, pem = authority
    handshakes = Handshakes(context, speak_http)
    url = serve(once, handshakes).url
    transport = Transport(replace(QUICK, ca_cert=pem), url, is_written=True)
    transport.request("GET", url, {}).body.discard()
    for _ in range(4):
        with pytest.raises(ConnectError, match="wanted TLS, got something else"):
            transport.request("GET", url, {})
    transport.request("GET", url, {}).body.discard()
    transport.close()
    assert handshakes.begun == 6


def drop(request: Request, wire: Wire) -> None:
    wire.close()


def reset(request: Request, wire: Wire) -> None:
    wire.reset()


def nonsense(request: Request, wire: Wire) -> None:
    wire.send(b"SSH-2.0-OpenSSH_9.2\r\n")
    wire.close()


def endless_header(request: Request, wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n")
    wire.close()


def many_headers(request: Request, wire: Wire) -> None:
    wire.head(200, [(f"X-{number}", "y") for number in range(1000)])
    wire.close()


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (drop, ConnectError),
        (reset, ConnectError),
        (nonsense, ReplyError),
        (endless_header, ReplyError),
        (many_headers, ReplyError),
    ],
)
def test_no_answer(handler: object, kind: type, serve: Serve) -> None:
    """What is no HTTP reply is one of our errors, with the host."""
    server = serve(handler)
    error = failure(QUICK, server.url)
    assert isinstance(error, kind)
    assert server.host in error.message


def test_silence_before_the_answer(serve: Serve) -> None:
    """The first byte has its own patience."""
    server = serve(lambda request, wire: wire.stall())
    error = failure(Access(first_byte_timeout=0.2), server.url)
    assert isinstance(error, ConnectError)
    assert "no answer within 0.2 s" in error.message


def test_silence_in_the_handshake() -> None:
    """A server that accepts and says nothing is bounded by the connect timeout."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert isinstance(failure(Access(connect_timeout=0.3), url), ConnectError)


def test_refused() -> None:
    """Nobody listens: known at once."""
    port = closed_port()
    error = failure(QUICK, f"http://127.0.0.1:{port}")
    assert isinstance(error, ConnectError)
    assert f"127.0.0.1:{port}: connection refused" in error.message


class HungUp(Lines):
    """Lines whose far end has reset each connection by the time it is handed over."""

    def dial(self, *args: Any, **how: Any) -> socket.socket:
        self.dialled = super().dial(*args, **how)
        self.dialled.recv(1)
        hang_up(self.dialled)
        return self.dialled


def test_a_connection_that_is_reset_at_once_leaves_no_socket() -> None:
    """The far end goes between the connect and the request: an error, and nothing stays open."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        lines = HungUp()
        host, port = listener.getsockname()
        answer = threading.Thread(target=lambda: listener.accept()[0].close())
        answer.start()
        with pytest.raises(OSError, match=r"not connected|argument"):
            PlainConnection(host, port, lines=lines, is_public=False, timeout=2).connect()
        answer.join()
    assert lines.dialled.fileno() == -1


@pytest.mark.parametrize("name", ["no-such-host.invalid", "x" * 64 + ".example"])
def test_unresolved(name: str) -> None:
    """A name without addresses, or one that cannot be looked up at all."""
    error = failure(QUICK, f"http://{name}")
    assert isinstance(error, ConnectError)
    assert "does not resolve" in error.message


@pytest.mark.row(9)
@pytest.mark.rule(2)
def test_a_public_host_does_not_lead_into_a_private_network(serve: Serve) -> None:
    """A name that resolves to a private address is not connected to where only public ones may be."""
    server = serve(hello)
    transport = Transport(QUICK, server.url)
    with pytest.raises(ReplyError, match="private address"):
        transport.request("GET", f"http://localhost:{server.port}/", {}, is_public=True)
    transport.close()
    assert server.connections == 0


def test_a_reply_tells_where_it_came_from(serve: Serve) -> None:
    """Loopback is private: such a registry may redirect to private addresses."""
    server = serve(hello)
    transport = Transport(QUICK, server.url)
    reply = transport.request("GET", f"http://localhost:{server.port}/", {})
    reply.body.discard()
    transport.close()
    assert reply.is_private


@pytest.mark.parametrize("where", ["answer", "handshake"])
def test_abort_wakes_who_waits(where: str, serve: Serve) -> None:
    """For an answer or in the handshake: back at once, and for good."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        scheme = "http" if where == "answer" else "https"
        url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/"
        transport = Transport(Access(connect_timeout=60, first_byte_timeout=60), url)
        errors: List[NetworkError] = []

        def work() -> None:
            try:
                transport.request("GET", url, {})
            except NetworkError as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        peer, _ = listener.accept()
        assert peer.recv(10)
        began = time.monotonic()
        transport.abort()
        thread.join(10)
        peer.close()
        assert not thread.is_alive()
        assert time.monotonic() - began < 5
        assert len(errors) == 1
        with pytest.raises(ConnectError, match="stopped"):
            transport.request("GET", url, {})
        transport.close()


def test_http_proxy_forwards(serve: Serve) -> None:
    """Plain HTTP goes to the proxy with the whole URL, and the proxy's login goes to the proxy."""
    server = serve(hello)
    with HttpProxy("me:canary p") as proxy:
        url = f"http://r.example:{server.port}/"
        assert ask(Access(proxy=f"http://me:canary%20p@{proxy.host}"), url) == b"hello"
        assert proxy.asked == [f"r.example:{server.port}"]


def test_http_proxy_tunnels_tls(serve: Serve, authority: Authority) -> None:
    """TLS goes through CONNECT, end to end; the server never sees the proxy's login, the proxy never the request."""
    context, pem = authority
    server = serve(hello, context)
    with HttpProxy("me:canary") as proxy:
        access = Access(ca_cert=pem, proxy=f"http://me:canary@{proxy.host}")
        assert ask(access, f"https://r.example:{server.port}/", Authorization="Bearer token-canary") == b"hello"
        assert proxy.asked == [f"r.example:{server.port}"]
        assert "token-canary" not in "".join(proxy.seen)
    assert server.requests[0].header("proxy-authorization") is None


@pytest.mark.parametrize("tls", [False, True])
def test_https_proxy(tls: bool, serve: Serve, authority: Authority) -> None:
    """TLS to the proxy itself, and through it to plain and TLS servers; login and token go where they belong."""
    context, pem = authority
    server = serve(hello, context if tls else None)
    with HttpProxy("me:canary p", tls=context) as proxy:
        access = Access(ca_cert=pem, proxy=f"https://me:canary%20p@{proxy.host}")
        url = server.url.replace("127.0.0.1", "r.example") + "/"
        assert ask(access, url, Authorization="Bearer token-canary") == b"hello"
        assert proxy.asked == [f"r.example:{server.port}"]
        assert ("token-canary" in "".join(proxy.seen)) == (not tls)
    assert server.requests[0].header("proxy-authorization") is None


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("insecure", [False, True])
@pytest.mark.row(8)
@pytest.mark.rule(13)
def test_an_https_proxy_has_to_prove_itself(tls: bool, insecure: bool, serve: Serve, authority: Authority) -> None:
    """It is named as the one without a trusted certificate. `--insecure` is for the registry, not for what gets the
    proxy's login."""
    context, _ = authority
    server = serve(hello, context if tls else None)
    with HttpProxy(tls=context) as proxy:
        access = Access(insecure=insecure, proxy=f"https://me:canary@{proxy.host}")
        error = failure(access, server.url, server.url)
        assert isinstance(error, CertificateError)
        assert f"proxy https://{proxy.host}: its certificate" in error.message
        assert "canary" not in str(error)
        assert proxy.seen == []
    assert server.requests == []


@pytest.mark.rule(13)
def test_insecure_is_for_the_registry_behind_an_https_proxy(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    """A registry of an unknown authority, through a proxy of a known one: with `--insecure`, and not without."""
    context, pem = authority
    unknown, _ = make_authority(tmp_path, "127.0.0.1")
    server = serve(hello, unknown)
    with HttpProxy(tls=context) as proxy:
        access = Access(ca_cert=pem, proxy=f"https://{proxy.host}")
        error = failure(access, server.url, server.url)
        assert isinstance(error, CertificateError)
        assert error.message.startswith(f"{server.host}: ")
        assert ask(replace(access, insecure=True), server.url + "/", server.url) == b"hello"


def test_abort_wakes_who_waits_behind_an_https_proxy(serve: Serve, authority: Authority) -> None:
    """TLS within TLS: back at once, and for good."""
    context, pem = authority
    asked = threading.Event()

    def stall(request: Request, wire: Wire) -> None:
        asked.set()
        wire.stall()

    server = serve(stall, context)
    with HttpProxy(tls=context) as proxy:
        access = Access(first_byte_timeout=60, ca_cert=pem, proxy=f"https://{proxy.host}")
        transport = Transport(access, server.url)
        errors: List[NetworkError] = []

        def work() -> None:
            try:
                transport.request("GET", server.url, {})
            except NetworkError as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        assert asked.wait(10)
        transport.abort()
        thread.join(10)
        assert not thread.is_alive()
        assert len(errors) == 1
        transport.close()


def test_a_proxy_that_speaks_no_tls_is_named() -> None:
    """`https://` before a proxy that speaks plain HTTP: it is not asked without."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            with listener.accept()[0] as sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        error = failure(Access(proxy=f"https://127.0.0.1:{listener.getsockname()[1]}"), "https://r.example")
        thread.join(10)
    assert isinstance(error, ConnectError)
    assert error.message.startswith("proxy https://127.0.0.1:")
    assert error.message.endswith("wanted TLS, got something else")
    assert "http://" in error.remedy


def test_a_proxy_that_wants_a_login_is_told_apart() -> None:
    """407 says what to do, and does not repeat the wrong password."""
    with HttpProxy("me:right") as proxy:
        access = Access(proxy=f"http://me:canary@{proxy.host}")
        for scheme in ("https", "http"):
            with pytest.raises(AuthError) as caught:
                ask(access, f"{scheme}://r.example/")
            assert caught.value.message == f"proxy http://{proxy.host}: it wants a login (407)"
            assert "canary" not in str(caught.value)


def test_a_dead_proxy_is_named() -> None:
    """It is the proxy that does not answer, not the registry."""
    port = closed_port()
    for url in ("https://r.example", "http://r.example"):
        error = failure(Access(proxy=f"http://me:canary@127.0.0.1:{port}"), url)
        assert isinstance(error, ConnectError)
        assert error.message == f"proxy http://127.0.0.1:{port}: connection refused"
        assert error.remedy == "check --proxy and HTTPS_PROXY"


def test_a_proxy_whose_name_does_not_resolve_is_named() -> None:
    """The registry's name is not looked up at all."""
    error = failure(Access(proxy="http://no-such-host.invalid:3128"), "https://r.example")
    assert isinstance(error, ConnectError)
    assert error.message.startswith("proxy http://no-such-host.invalid:3128: the name does not resolve: ")
    assert error.remedy == "check --proxy and HTTPS_PROXY"


def test_a_proxy_that_gives_no_way_is_named() -> None:
    """What it answers to CONNECT is said."""

    def refuse(request: Request, wire: Wire) -> None:
        wire.reply(403)
        wire.close()

    with RudeServer(refuse) as server:
        proxy = server.url
        error = failure(Access(proxy=proxy), "https://r.example")
    assert isinstance(error, ConnectError)
    assert error.message == f"proxy {proxy}: no connection to r.example: 403 Some Reason"


@pytest.mark.parametrize("tls", [False, True])
def test_socks_proxy(tls: bool, serve: Serve, authority: Authority) -> None:
    """socks5h leaves the name to the proxy, with TLS and without."""
    context, pem = authority
    server = serve(hello, context if tls else None)
    with SocksProxy() as proxy:
        url = server.url.replace("127.0.0.1", "r.example")
        assert ask(Access(ca_cert=pem, proxy=f"socks5h://{proxy.host}"), url) == b"hello"
        assert proxy.asked == [f"r.example:{server.port}"]


def test_a_dead_socks_proxy_is_a_network_error() -> None:
    """PySocks has exceptions of its own."""
    port = closed_port()
    error = failure(Access(proxy=f"socks5h://127.0.0.1:{port}"), "https://r.example")
    assert isinstance(error, ConnectError)
    assert error.message == f"proxy socks5h://127.0.0.1:{port}: connection refused"
    assert error.remedy == "check --proxy and HTTPS_PROXY"


def test_the_environments_proxy_and_its_exceptions(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """ALL_PROXY is used, NO_PROXY and this machine are reached directly."""
    server = serve(hello)
    with SocksProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{proxy.host}")
        monkeypatch.setenv("NO_PROXY", "localhost")
        assert ask(QUICK, f"http://r.example:{server.port}/") == b"hello"
        assert proxy.asked == [f"r.example:{server.port}"]
        assert ask(QUICK, f"http://localhost:{server.port}/") == b"hello"
        assert ask(QUICK, f"http://127.0.0.1:{server.port}/") == b"hello"
        assert len(proxy.asked) == 1


def test_an_explicit_proxy_is_used_for_this_machine_too_unless_excepted(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--proxy is the user's word; NO_PROXY is so as well."""
    server = serve(hello)
    with HttpProxy() as proxy:
        access = Access(proxy=proxy.host)
        assert ask(access, server.url + "/") == b"hello"
        assert len(proxy.asked) == 1
        monkeypatch.setenv("no_proxy", f"127.0.0.0/8:{server.port},127.0.0.1")
        assert ask(access, server.url + "/") == b"hello"
        assert len(proxy.asked) == 1
