"""The registry client as a whole, against a registry that misbehaves on demand."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import pytest
from support.images import MadeImage, make_image
from support.rude import Request, RudeServer, Wire

from dockferry.errors import (
    AuthError,
    BodyError,
    BusyError,
    ContentError,
    DockferryError,
    NetworkError,
    NotFoundError,
    ReplyError,
    RequestError,
    StorageError,
)
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.oci.manifest import Manifest
from dockferry.oci.reference import Reference
from dockferry.registry.access import Access
from dockferry.registry.credentials import CredentialStore
from dockferry.registry.repository import Repository, open_repository
from dockferry.transfer.protocols import Abortable

Serve = Callable[..., RudeServer]
IMAGE = make_image([300_000, 70_000])
LAYER = IMAGE.layers[0]
DATA = IMAGE.blobs[LAYER.digest]
QUICK = Access(connect_timeout=5, first_byte_timeout=5, idle_timeout=0.5)


def answer(request: Request, wire: Wire, image: MadeImage = IMAGE) -> None:
    """What a good registry says to a GET of a manifest or of a blob, with ranges."""
    name = request.target.partition("?")[0].rpartition("/")[2]
    if "/manifests/" in request.target and name in ("1.0", str(image.digest)):
        fields = [("Content-Type", image.media_type), ("Docker-Content-Digest", str(image.digest))]
        wire.reply(200, image.manifest, fields)
        return
    data = next((data for digest, data in image.blobs.items() if str(digest) == name), None)
    if data is None:
        wire.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
    elif request.range is None:
        wire.reply(200, data)
    else:
        start, end = request.range
        wire.reply(206, data[start:end], [("Content-Range", f"bytes {start}-{end - 1}/{len(data)}")])


def login_store(host: str, username: str = "me", password: str = "canary") -> CredentialStore:
    """One login for one host, whatever this machine has."""
    return CredentialStore(host, username, password, environ={}, home=Path("/no/home"))


def repository(
    server: RudeServer, access: Access = QUICK, store: Optional[CredentialStore] = None, path: str = "team/app"
) -> Repository:
    """`path` at the server, as its origin; with the login in `access`, unless `store` has others."""
    store = store or login_store(server.host, access.username, access.password)
    return open_repository(Reference.parse(f"{server.host}/{path}:1.0"), None, access, store)


def take(client: Repository, start: int, end: int, blob: Descriptor = LAYER) -> Tuple[int, bytes]:
    """Where the delivery starts, and all its bytes."""
    delivery = client.open(blob, start, end)
    found, view = bytearray(), memoryview(bytearray(65536))
    try:
        while True:
            count = delivery.readinto(view)
            if not count:
                break
            found += view[:count]
    finally:
        delivery.close()
    assert delivery.end == delivery.start + len(found)
    return delivery.start, bytes(found)


def failure(client: Repository, ask: Callable[[Repository], object]) -> DockferryError:
    """The error, in which no canary is."""
    with pytest.raises(DockferryError) as caught:
        ask(client)
    client.close()
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value)
    return caught.value


def open_half(client: Repository) -> object:
    return client.open(LAYER, 1000, LAYER.size)


# Manifests


def test_a_pull_begins_with_the_manifest(serve: Serve) -> None:
    """No ping before it; all four types are accepted; and one connection does for all."""
    server = serve(answer)
    client = repository(server)
    found = client.manifest("1.0")
    assert isinstance(found, Manifest)
    assert (found.digest, found.layers) == (IMAGE.digest, IMAGE.layers)
    assert client.manifest(str(IMAGE.digest)) == found
    assert client.blob_bytes(IMAGE.config, 10**6) == IMAGE.blobs[IMAGE.config.digest]
    assert take(client, 0, LAYER.size) == (0, DATA)
    client.close()
    assert server.targets()[0] == "/v2/team/app/manifests/1.0"
    accept = server.requests[0].header("accept") or ""
    assert all(kind in accept for kind in ("image.index.v1", "image.manifest.v1", "manifest.list.v2", "manifest.v2"))
    assert server.connections == 1
    assert client.name == server.host


@pytest.mark.parametrize("name", ["1.0", str(IMAGE.digest)])
@pytest.mark.row(33)
def test_a_manifest_that_is_not_the_one_named_is_refused(name: str, serve: Serve) -> None:
    """By its own digest where that was asked for, by the registry's word for a tag."""

    def handler(request: Request, wire: Wire) -> None:
        fields = [("Content-Type", IMAGE.media_type), ("Docker-Content-Digest", str(IMAGE.digest))]
        wire.reply(200, IMAGE.manifest + b" ", fields)

    server = serve(handler)
    error = failure(repository(server), lambda client: client.manifest(name))
    assert isinstance(error, ContentError)
    assert server.host in error.message
    assert str(IMAGE.digest) in error.message


@pytest.mark.row(35)
def test_an_html_page_names_the_host(serve: Serve) -> None:
    """A captive portal answers everything with 200."""
    server = serve(lambda request, wire: wire.reply(200, b"<html>Log in</html>", [("Content-Type", "text/html")]))
    for name in ("1.0", str(IMAGE.digest)):
        error = failure(repository(server), lambda client, name=name: client.manifest(name))
        assert isinstance(error, ContentError)
        assert server.host in error.message
        assert "HTML page" in error.message


@pytest.mark.rule(9)
def test_a_manifest_is_bounded(serve: Serve) -> None:
    """4 MiB and a byte are read of an endless one."""
    sent: List[int] = []

    def handler(request: Request, wire: Wire) -> None:
        wire.head(200, [("Transfer-Encoding", "chunked")])
        for _ in range(1000):
            wire.send(b"10000\r\n" + b" " * 65536 + b"\r\n")
            sent.append(65536)

    error = failure(repository(serve(handler)), lambda client: client.manifest("1.0"))
    assert isinstance(error, ContentError)
    assert sum(sent) < 20 << 20


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no \\u001b[31mrepo"}]}', NotFoundError, "no [31mrepo"),
        (404, b"<html>nginx</html>", NotFoundError, "404"),
        (403, b'{"errors":[{"code":"DENIED","message":"not for you"}]}', AuthError, "not for you"),
        (404, b'{"errors":[{"code":"DENIED","message":"not for you"}]}', AuthError, "not for you"),
        (429, b"slow down", BusyError, "429"),
        (502, b"", BusyError, "502"),
        (418, b"", RequestError, "418"),
    ],
)
def test_errors_name_image_and_host(status: int, body: bytes, kind: type, words: str, serve: Serve) -> None:
    """What was wanted, what was got, from where; a registry's words cleaned."""
    server = serve(lambda request, wire: wire.reply(status, body, [("Retry-After", "5")]))
    error = failure(repository(server), lambda client: client.manifest("1.0"))
    assert type(error) is kind
    assert server.host in error.message
    assert "team/app:1.0" in error.message
    assert words in error.message
    if isinstance(error, BusyError):
        assert error.retry_after == 5


@pytest.mark.rule(9)
def test_an_error_body_without_end_is_left(serve: Serve) -> None:
    """64 KiB are looked at, and the connection is dropped."""

    def handler(request: Request, wire: Wire) -> None:
        wire.head(404, [("Content-Length", "1000000000")])
        wire.send(b"x" * 200_000)
        wire.stall()

    server = serve(handler)
    assert isinstance(failure(repository(server), lambda client: client.manifest("1.0")), NotFoundError)


def test_a_registry_with_tls_on_this_machine(serve: Serve, authority: Tuple[ssl.SSLContext, str]) -> None:
    """--ca-cert is enough to speak TLS to 127.0.0.1; without it the answer says what to do."""
    context, pem = authority
    server = serve(answer, context)
    client = repository(server, Access(ca_cert=pem))
    assert client.manifest("1.0").digest == IMAGE.digest
    client.close()


def test_http_spoken_to_tls_says_what_to_do(serve: Serve) -> None:
    """Go's servers answer 400 to a plain request on a TLS port."""
    server = serve(lambda request, wire: wire.reply(400, b"Client sent an HTTP request to an HTTPS server.\n"))
    assert "--ca-cert" in failure(repository(server), lambda client: client.manifest("1.0")).remedy


# Blobs


@pytest.mark.parametrize(("start", "end"), [(0, 10), (5, 6), (100_000, LAYER.size), (0, LAYER.size)])
def test_ranges(start: int, end: int, serve: Serve) -> None:
    """Exactly the bytes that were asked for; a whole blob is asked for without Range."""
    server = serve(answer)
    client = repository(server)
    assert take(client, start, end) == (start, DATA[start:end])
    client.close()
    wanted = None if (start, end) == (0, LAYER.size) else f"bytes={start}-{end - 1}"
    assert server.requests[0].header("range") == wanted


def test_a_blob_without_bytes_needs_no_request(serve: Serve) -> None:
    """Nothing is asked for nothing."""
    server = serve(answer)
    client = repository(server)
    empty = Descriptor("", Digest.of(b""), 0)
    assert take(client, 0, 0, empty) == (0, b"")
    assert client.blob_bytes(empty, 10) == b""
    assert server.connections == 0


def test_a_server_that_ignores_ranges_delivers_from_the_first_byte(serve: Serve) -> None:
    """The delivery says where it starts."""

    def handler(request: Request, wire: Wire) -> None:
        wire.reply(200, DATA)

    client = repository(serve(handler))
    assert take(client, 1000, 2000) == (0, DATA)
    client.close()


@pytest.mark.parametrize(("status", "start"), [(400, 1000), (501, 1000), (416, 0), (416, 1000)])
@pytest.mark.row(17)
def test_a_server_that_refuses_ranges_is_asked_for_the_whole(status: int, start: int, serve: Serve) -> None:
    """Once, without Range."""

    def handler(request: Request, wire: Wire) -> None:
        if request.range:
            wire.reply(status, b"no ranges here")
        else:
            answer(request, wire)

    server = serve(handler)
    client = repository(server)
    assert take(client, start, 2000) == (0, DATA)
    client.close()
    assert [request.range for request in server.requests] == [(start, 2000), None]
    assert server.connections == 1


@pytest.mark.row(11)
def test_each_reply_is_judged_anew(serve: Serve) -> None:
    """A cache that ignores ranges until it has the blob, and then honours them."""

    def handler(request: Request, wire: Wire) -> None:
        if len(server.requests) == 1:
            wire.reply(200, DATA)
        else:
            answer(request, wire)

    server = serve(handler)
    client = repository(server)
    assert take(client, 1000, 2000) == (0, DATA)
    assert take(client, 1000, 2000) == (1000, DATA[1000:2000])
    client.close()


@pytest.mark.row(12)
def test_a_slip_is_asked_again_as_a_range(serve: Serve) -> None:
    """A host that answered ranges rightly and then twice with another range: the third answer is taken, no whole."""

    def handler(request: Request, wire: Wire) -> None:
        if len(server.requests) in (2, 3):
            wire.reply(206, DATA[0:1000], [("Content-Range", f"bytes 0-999/{LAYER.size}")])
        else:
            answer(request, wire)

    server = serve(handler)
    client = repository(server)
    assert take(client, 1000, 2000) == (1000, DATA[1000:2000])
    assert take(client, 3000, 4000) == (3000, DATA[3000:4000])
    client.close()
    assert len(server.requests) == 4
    assert all(request.range for request in server.requests)


def test_a_shorter_part_is_fine(serve: Serve) -> None:
    """A server may give less than was asked for, and says so."""

    def handler(request: Request, wire: Wire) -> None:
        wire.reply(206, DATA[1000:1500], [("Content-Range", f"bytes 1000-1499/{LAYER.size}")])

    client = repository(serve(handler))
    assert take(client, 1000, 2000) == (1000, DATA[1000:1500])
    client.close()


@pytest.mark.row(12)
def test_another_part_is_refused(serve: Serve) -> None:
    """Bytes from another place are never given."""

    def handler(request: Request, wire: Wire) -> None:
        wire.reply(206, DATA[0:1000], [("Content-Range", f"bytes 0-999/{LAYER.size}")])

    assert isinstance(failure(repository(serve(handler)), open_half), ReplyError)


@pytest.mark.row(16)
def test_a_range_that_is_not_there_is_no_success(serve: Serve) -> None:
    """416 is a network error for the caller to verify again after."""
    server = serve(lambda request, wire: wire.reply(416, b"", [("Content-Range", "bytes */5")]))
    assert isinstance(failure(repository(server), open_half), ReplyError)


def test_a_config_is_proved(serve: Serve) -> None:
    """Its bytes hash to its digest and it is no longer than allowed, or it is refused."""

    def handler(request: Request, wire: Wire) -> None:
        wire.reply(200, bytes(IMAGE.config.size))

    server = serve(handler)
    for limit in (10**6, 10):
        error = failure(repository(server), lambda client, limit=limit: client.blob_bytes(IMAGE.config, limit))
        assert isinstance(error, ContentError)
    assert len(server.requests) == 1


def test_a_config_cut_short_is_a_network_error(serve: Serve) -> None:
    """Worth another try, unlike wrong bytes."""

    def handler(request: Request, wire: Wire) -> None:
        wire.head(200, [("Content-Length", str(IMAGE.config.size))])
        wire.send(b"{")
        wire.close()

    error = failure(repository(serve(handler)), lambda client: client.blob_bytes(IMAGE.config, 10**6))
    assert isinstance(error, BodyError)


# Redirects


def storage(request: Request, wire: Wire) -> None:
    answer(request, wire)


def redirecting_to(where: Callable[[Request], str]) -> Callable[[Request, Wire], None]:
    """A registry that keeps its blobs elsewhere, and its challenge too."""

    def handler(request: Request, wire: Wire) -> None:
        if "/blobs/" in request.target:
            wire.reply(307, b"<a>Temporary Redirect</a>", [("Location", where(request))])
        else:
            answer(request, wire)

    return handler


def test_a_redirect_is_resolved_once_and_reused(serve: Serve) -> None:
    """The second range goes to the storage host directly, with Accept and Range and nothing else of ours."""
    store = serve(storage)
    server = serve(redirecting_to(lambda request: f"{store.url}/s/{LAYER.digest}?sig=canary"))
    client = repository(server)
    assert take(client, 0, 1000) == (0, DATA[:1000])
    assert take(client, 1000, 2000) == (1000, DATA[1000:2000])
    client.close()
    assert len(server.requests) == 1
    assert [request.range for request in store.requests] == [(0, 1000), (1000, 2000)]
    names = {name for request in store.requests for name, _ in request.fields}
    assert names == {"Host", "User-Agent", "Accept-Encoding", "Accept", "Range"}


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.row(25)
def test_an_expired_url_is_resolved_again(status: int, serve: Serve) -> None:
    """Once, within the same request, whatever the storage host calls it."""

    def expiring(request: Request, wire: Wire) -> None:
        if request.target.endswith("sig=1") and len(store.requests) > 1:
            wire.reply(status, b"Request has expired")
        else:
            answer(request, wire)

    store = serve(expiring)
    server = serve(redirecting_to(lambda request: f"{store.url}/s/{LAYER.digest}?sig={len(server.requests)}"))
    client = repository(server)
    assert take(client, 0, 1000) == (0, DATA[:1000])
    assert take(client, 1000, 2000) == (1000, DATA[1000:2000])
    assert take(client, 2000, 3000) == (2000, DATA[2000:3000])
    client.close()
    assert len(server.requests) == 2
    assert [request.target[-1] for request in store.requests] == ["1", "1", "2", "2"]


def test_a_storage_host_that_refuses_a_fresh_url_is_a_network_error(serve: Serve) -> None:
    """The signed URL may have run out on the way: another try gets another one; no login is asked for."""
    store = serve(lambda request, wire: wire.reply(403, b"<Error>expired</Error>"))
    server = serve(redirecting_to(lambda request: f"{store.url}/s?sig=canary"))
    error = failure(repository(server), open_half)
    assert isinstance(error, StorageError)
    assert error.is_retryable
    assert store.host in error.message
    assert server.host in error.message


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_storage_host_that_refuses_every_fresh_url_is_left(status: int, serve: Serve) -> None:
    """Three times in a row for one blob: no more tries. Another blob has its own count, and bytes set it back."""
    refused = [True]

    def handler(request: Request, wire: Wire) -> None:
        wire.reply(status) if refused[0] and str(LAYER.digest) in request.target else answer(request, wire)

    store = serve(handler)
    server = serve(redirecting_to(lambda request: f"{store.url}/s/{request.target.rpartition('/')[2]}"))
    client = repository(server)

    def tries() -> List[bool]:
        found = []
        for _ in range(3):
            take(client, 0, 1000, IMAGE.layers[1])
            with pytest.raises(NetworkError) as caught:
                take(client, 0, 1000)
            found.append(caught.value.is_retryable)
        assert store.host in caught.value.message
        assert server.host in caught.value.message
        return found

    assert tries() == [True, True, False]
    refused[0] = False
    take(client, 0, 1000)
    refused[0] = True
    assert tries() == [True, True, False]
    client.close()


def test_a_busy_storage_host_gets_its_time(serve: Serve) -> None:
    """503 is no reason to ask the registry for another URL."""

    def handler(request: Request, wire: Wire) -> None:
        if len(store.requests) > 1:
            wire.reply(503, b"", [("Retry-After", "3")])
        else:
            answer(request, wire)

    store = serve(handler)
    server = serve(redirecting_to(lambda request: f"{store.url}/s/{LAYER.digest}"))
    client = repository(server)
    take(client, 0, 1000)
    error = failure(client, open_half)
    assert isinstance(error, BusyError)
    assert error.retry_after == 3
    assert len(server.requests) == 1


def test_a_storage_host_that_has_died_is_forgotten(serve: Serve) -> None:
    """The next request asks the registry where the blob is now."""
    with RudeServer(storage) as first:
        places = [f"{first.url}/s/{LAYER.digest}"]
        server = serve(redirecting_to(lambda request: places[-1]))
        client = repository(server)
        take(client, 0, 1000)
    second = serve(storage)
    places.append(f"{second.url}/s/{LAYER.digest}")
    with pytest.raises(NetworkError):
        take(client, 1000, 2000)
    assert take(client, 1000, 2000) == (1000, DATA[1000:2000])
    client.close()


def test_a_loop_ends(serve: Serve) -> None:
    """Five hops, then an error."""
    server = serve(redirecting_to(lambda request: request.target))
    assert isinstance(failure(repository(server), open_half), ReplyError)
    assert len(server.requests) == 6


def test_a_redirect_within_the_registry_keeps_the_token(serve: Serve) -> None:
    """Same scheme, host and port: still the registry."""

    def handler(request: Request, wire: Wire) -> None:
        if request.header("authorization") != basic("me", "canary"):
            wire.reply(401, b"", [("WWW-Authenticate", 'Basic realm="r"')])
        elif request.target.startswith("/v2/"):
            wire.reply(302, b"", [("Location", f"/inside/{LAYER.digest}")])
        else:
            answer(request, wire)

    client = repository(serve(handler), Access(username="me", password="canary"))
    assert take(client, 0, 1000) == (0, DATA[:1000])
    client.close()


def test_a_manifest_may_be_redirected(serve: Serve) -> None:
    """Some registries keep manifests in their store too."""
    store = serve(answer)

    def handler(request: Request, wire: Wire) -> None:
        wire.reply(307, b"", [("Location", f"{store.url}/manifests/1.0")])

    client = repository(serve(handler))
    assert client.manifest("1.0").digest == IMAGE.digest
    client.close()


# Authorization


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class Guarded:
    """A registry that wants a token, and its token server at /token; `lives` counts down a token's requests."""

    def __init__(self, user: str = "", challenge_everywhere: bool = True) -> None:
        self.user = user
        self.challenge_everywhere = challenge_everywhere
        self.good: Dict[str, int] = {}
        self.tokens = 0
        self.lives = 1000
        self.url = ""
        self.lock = threading.Lock()
        self.blobs: Callable[[Request, Wire], None] = answer

    def __call__(self, request: Request, wire: Wire) -> None:
        if request.target.startswith("/token"):
            self._give(request, wire)
            return
        token = (request.header("authorization") or "").partition("Bearer ")[2]
        with self.lock:
            left = self.good.get(token, 0)
            self.good[token] = left - 1
        if left > 0:
            self.blobs(request, wire)
            return
        fields = [("WWW-Authenticate", f'Bearer realm="{self.url}/token",service="s"')]
        told = self.challenge_everywhere or request.target == "/v2/"
        wire.reply(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', fields if told else ())

    def _give(self, request: Request, wire: Wire) -> None:
        if self.user and request.header("authorization") != self.user:
            wire.reply(401, b"{}")
            return
        with self.lock:
            self.tokens += 1
            token = f"token-canary-{self.tokens}"
            self.good[token] = self.lives
        wire.reply(200, json.dumps({"token": token, "expires_in": 300}).encode())


def guarded(serve: Serve, registry: Guarded) -> RudeServer:
    server = serve(registry)
    registry.url = server.url
    return server


def test_a_token_is_fetched_and_used(serve: Serve) -> None:
    """Three requests to the first manifest, none too many after it, and the scope is the repository's own."""
    server = guarded(serve, Guarded())
    client = repository(server)
    assert client.manifest("1.0").digest == IMAGE.digest
    take(client, 0, 100)
    client.close()
    kinds = [target.partition("?")[0].rpartition("/")[2][:5] for target in server.targets()]
    assert kinds == ["1.0", "token", "1.0", "sha25"]
    assert "scope=repository%3Ateam%2Fapp%3Apull" in server.targets()[1]


@pytest.mark.row(29)
def test_a_401_without_challenge_is_that_of_the_root(serve: Serve) -> None:
    """The API's root is asked only then."""
    server = guarded(serve, Guarded(challenge_everywhere=False))
    client = repository(server)
    assert client.manifest("1.0").digest == IMAGE.digest
    client.close()
    assert [target.partition("?")[0] for target in server.targets()][1:3] == ["/v2/", "/token"]


def test_a_token_that_expires_is_renewed_in_the_same_request(serve: Serve) -> None:
    """The caller sees nothing of it."""
    registry = Guarded()
    registry.lives = 2
    client = repository(guarded(serve, registry))
    client.manifest("1.0")
    for start in range(0, 9000, 1000):
        assert take(client, start, start + 1000) == (start, DATA[start : start + 1000])
    client.close()
    assert registry.tokens == 5


@pytest.mark.row(30)
def test_endless_401_ends(serve: Serve) -> None:
    """A registry that refuses every token it gave is left after a few tries."""
    registry = Guarded()
    registry.lives = 0
    server = guarded(serve, registry)
    assert isinstance(failure(repository(server), lambda client: client.manifest("1.0")), AuthError)
    assert len([target for target in server.targets() if "manifests" in target]) <= 3


def test_the_login_reaches_the_token_server_alone(serve: Serve) -> None:
    """The password goes to the token server, the token to the registry, neither to the storage host."""
    store = serve(storage)
    registry = Guarded(user=basic("me", "password-canary"))
    registry.blobs = redirecting_to(lambda request: f"{store.url}/s/{LAYER.digest}")
    server = guarded(serve, registry)
    client = repository(server, Access(username="me", password="password-canary"))
    client.manifest("1.0")
    assert take(client, 0, 1000) == (0, DATA[:1000])
    client.close()
    for request in server.requests:
        assert ("Basic" in repr(request.fields)) == request.target.startswith("/token")
    assert not store.saw("canary")
    assert not store.saw("uthorization")
    assert "canary" not in repr(client)


def test_a_pinned_token_server_gets_the_login(serve: Serve) -> None:
    """`token_hosts` lets a token server of another name have it; without, nothing is sent there."""
    registry = Guarded(user=basic("me", "canary"))
    server = guarded(serve, registry)
    registry.url = f"http://localhost:{server.port}"
    login = Access(username="me", password="canary")
    client = repository(server, login)
    error = failure(client, lambda one: one.manifest("1.0"))
    assert isinstance(error, AuthError)
    assert "--token-host localhost" in error.remedy
    assert not server.saw("/token")
    client = repository(server, replace(login, token_hosts=("LOCALHOST",)))
    assert client.manifest("1.0").digest == IMAGE.digest
    client.close()


@pytest.mark.rule(5)
def test_a_stored_login_goes_to_its_own_host_only(serve: Serve) -> None:
    """A mirror gets what the store holds for the mirror, not what it holds for the origin."""
    challenge = [("WWW-Authenticate", 'Basic realm="r"')]
    mirror = serve(lambda request, wire: wire.reply(401, b"", challenge))
    reference = Reference.parse("r.example/team/app:1.0")
    client = open_repository(reference, mirror.host, QUICK, login_store("r.example"))
    assert isinstance(failure(client, lambda one: one.manifest("1.0")), AuthError)
    assert all(request.header("authorization") is None for request in mirror.requests)


@pytest.mark.rule(5)
def test_a_given_login_goes_to_the_mirror_that_it_is_for(serve: Serve) -> None:
    """And to no other."""

    def handler(request: Request, wire: Wire) -> None:
        if request.header("authorization") == basic("me", "canary"):
            answer(request, wire)
        else:
            wire.reply(401, b"", [("WWW-Authenticate", 'Basic realm="r"')])

    server, other = serve(handler), serve(handler)
    store = login_store(server.host)
    reference = Reference.parse("docker.io/library/app:1.0")
    client = open_repository(reference, f"{server.host}/hub", QUICK, store)
    assert client.manifest("1.0").digest == IMAGE.digest
    assert server.targets()[0] == "/v2/hub/library/app/manifests/1.0"
    client.close()
    client = open_repository(reference, f"{other.host}/hub", QUICK, store)
    assert isinstance(failure(client, lambda one: one.manifest("1.0")), AuthError)
    assert not other.saw("uthorization")


def test_a_redirect_to_another_host_answers_401_in_vain(serve: Serve) -> None:
    """A challenge from a host that we were sent to gets nothing, and the client does not ask it twice."""
    store = serve(lambda request, wire: wire.reply(401, b"", [("WWW-Authenticate", 'Basic realm="give"')]))
    server = serve(redirecting_to(lambda request: f"{store.url}/s"))
    client = repository(server, Access(username="me", password="canary"))
    assert isinstance(failure(client, open_half), ReplyError)
    assert len(store.requests) == 1
    assert not store.saw("uthorization")


# Tags


def test_tags_over_pages(serve: Serve) -> None:
    """Page by page, as long as there is a next one; what cannot be a tag is left out."""
    first, second = "/v2/team/app/tags/list?n=1000", "/v2/team/app/tags/list?n=2&last=b"
    pages = {first: (["1.0", "b\u001b[2J", 7], f'<{second}>; rel="next"'), second: (["latest"], "")}

    def handler(request: Request, wire: Wire) -> None:
        tags, link = pages[request.target]
        body = json.dumps({"name": "team/app", "tags": tags}).encode()
        wire.reply(200, body, [("Link", link)] if link else ())

    server = serve(handler)
    client = repository(server)
    assert list(client.tags()) == ["1.0", "latest"]
    client.close()


def test_no_tags(serve: Serve) -> None:
    """A repository whose tags were deleted says null."""
    client = repository(serve(lambda request, wire: wire.reply(200, b'{"name":"team/app","tags":null}')))
    assert list(client.tags()) == []
    client.close()


@pytest.mark.parametrize("link", ["<https://evil.example/x>; rel=next", "</v2/team/app/tags/list?n=1000>; rel=next"])
@pytest.mark.rule(3)
def test_pages_stay_at_the_registry_and_end(link: str, serve: Serve) -> None:
    """A next page at another host is not asked for; nor is the same page again."""
    server = serve(lambda request, wire: wire.reply(200, b'{"tags":["a"]}', [("Link", link)]))
    assert isinstance(failure(repository(server), lambda client: list(client.tags())), ReplyError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b'{"tags": "a"}', b"<html>", b"[]", b'{"tags": {"a": 1}}'])
def test_a_list_of_tags_is_one(body: bytes, serve: Serve) -> None:
    """Anything else names the host."""
    server = serve(lambda request, wire: wire.reply(200, body))
    error = failure(repository(server), lambda client: list(client.tags()))
    assert isinstance(error, ContentError)
    assert server.host in error.message


# Stopping


def test_abort_wakes_every_request(serve: Serve) -> None:
    """Who waits for an answer, and who waits for bytes, come back at once with a NetworkError."""

    def handler(request: Request, wire: Wire) -> None:
        if request.range == (0, 10):
            wire.head(206, [("Content-Range", f"bytes 0-9/{LAYER.size}"), ("Content-Length", "10")])
            wire.send(DATA[:5])
        wire.stall()

    server = serve(handler)
    client = repository(server, Access(first_byte_timeout=60, idle_timeout=60))
    errors: List[NetworkError] = []

    def work(end: int) -> None:
        try:
            take(client, 0, end)
        except NetworkError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(end,)) for end in (10, 10, 20, 20, 20)]
    for thread in threads:
        thread.start()
    while len(server.requests) < 5:
        time.sleep(0.005)
    began = time.monotonic()
    client.abort()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 5
    assert time.monotonic() - began < 5
    client.close()


def test_one_wait_is_ended_alone(serve: Serve) -> None:
    """Who waits for an answer is woken, on a new connection and on a kept one; who does the same beside waits on."""
    released = threading.Event()

    def handler(request: Request, wire: Wire) -> None:
        start, end = request.range or (0, LAYER.size)
        if end > 10:
            released.wait(30)
        if end != 20:
            span = f"bytes {start}-{end - 1}/{LAYER.size}"
            wire.reply(206, DATA[start:end], [("Content-Range", span)])
        else:
            wire.stall()

    server = serve(handler)
    client = repository(server, Access(first_byte_timeout=60, idle_timeout=60))
    take(client, 0, 10)  # leaves a connection to be used again
    held: Dict[int, Abortable] = {}
    found: Dict[int, object] = {}

    def work(name: int, end: int) -> None:
        try:
            delivery = client.open(LAYER, 0, end, lambda call: held.update({name: call}))
            found[name] = delivery.readinto(memoryview(bytearray(100)))
            held[name].abort()  # too late: the answer is there
            delivery.close()
        except NetworkError as error:
            found[name] = error

    threads = [threading.Thread(target=work, args=args) for args in ((0, 20), (1, 20), (2, 30))]
    for thread in threads:
        thread.start()
    while len(server.requests) < 4:
        time.sleep(0.005)
    began = time.monotonic()
    for name in (0, 1):
        held[name].abort()
        threads[name].join(10)
        assert isinstance(found[name], NetworkError)
    assert time.monotonic() - began < 5
    assert 2 not in found
    released.set()
    threads[2].join(10)
    assert found[2] == 30
    assert take(client, 0, 10) == (0, DATA[:10])
    client.close()


def test_a_wait_that_was_ended_before_it_began(serve: Serve) -> None:
    """Nothing is asked any more."""
    server = serve(lambda request, wire: wire.stall())
    client = repository(server)
    with pytest.raises(NetworkError, match="given up"):
        client.open(LAYER, 0, 10, lambda call: call.abort())
    assert server.requests == []
    client.close()


# Ranges now and then


BIG = make_image([3_000_000])
LARGE = BIG.layers[0]
WHOLE = BIG.blobs[LARGE.digest]


@pytest.mark.row(10, 11)
@pytest.mark.parametrize(
    ("start", "ignored", "asked", "is_whole"),
    [(1_500_000, 3, 4, False), (2_900_000, 7, 8, False), (2_900_000, 8, 8, True), (200_000, 1, 1, True)],
    ids=["a few times", "often", "too often", "little to repeat"],
)
def test_the_whole_in_a_ranges_place(start: int, ignored: int, asked: int, is_whole: bool, serve: Serve) -> None:
    """A host that has honoured ranges sends all of a blob now and then: asked again, unless that costs more."""

    def handler(request: Request, wire: Wire) -> None:
        if 1 < len(server.requests) <= 1 + ignored:
            wire.reply(200, WHOLE)
        else:
            answer(request, wire, BIG)

    server = serve(handler)
    client = repository(server)
    assert take(client, 0, 1000, LARGE) == (0, WHOLE[:1000])
    got = take(client, start, start + 1000, LARGE)
    assert got == ((0, WHOLE) if is_whole else (start, WHOLE[start : start + 1000]))
    client.close()
    assert len(server.requests) == 1 + asked


@pytest.mark.row(10, 12)
@pytest.mark.parametrize(("is_whole", "more"), [(True, 0), (False, 1)])
def test_a_host_that_stops_honouring_ranges_is_asked_less_and_less(is_whole: bool, more: int, serve: Serve) -> None:
    """Eight, four, two, and then one request for each time; a Range that is honoured brings the patience back.

    Where the answer is another range, one request more is for the whole.
    """
    honours = [True]

    def handler(request: Request, wire: Wire) -> None:
        if honours[0]:
            answer(request, wire, BIG)
        elif is_whole or not request.range:
            wire.reply(200, WHOLE)
        else:
            wire.reply(206, WHOLE[:9], [("Content-Range", f"bytes 0-8/{LARGE.size}")])

    server = serve(handler)
    client = repository(server)
    for _ in range(2):
        honours[0] = True
        take(client, 0, 1000, LARGE)
        honours[0] = False
        counts = []
        for _ in range(5):
            before = len(server.requests)
            assert take(client, 2_900_000, 2_901_000, LARGE) == (0, WHOLE)
            counts.append(len(server.requests) - before)
        assert counts == [count + more for count in (8, 4, 2, 1, 1)]
    client.close()
