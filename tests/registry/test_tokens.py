"""The token dance against a real token server: what it is sent, what is done with its answers, and by how many."""

from __future__ import annotations

import base64
import json
import socket
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockferry.errors import AuthError, BusyError, ConnectError, NetworkError, ReplyError, UsageError
from dockferry.registry.credentials import Credentials
from dockferry.registry.realm import parse_token_host
from dockferry.registry.token_request import MAX_ANSWER, TokenReply, TokenRequest, parse_token
from dockferry.registry.tokens import Authorizer

SCOPE = "repository:library/nginx:pull"
SECRET = "s3cr3t-password"
ANN = Credentials("ann", SECRET)
REFRESH = Credentials("", "", "s3cr3t-refresh")


@dataclass
class Asked:
    """One request that the token server got."""

    method: str
    path: str
    query: Dict[str, List[str]]
    form: Dict[str, List[str]]
    authorization: Optional[str]


Answer = Tuple[int, Dict[str, str], bytes]


@dataclass
class TokenService:
    """What the server of the fixture was asked, and how it answers: tokens t1, t2, … unless told otherwise."""

    port: int = 0
    asked: List[Asked] = field(default_factory=list)
    answer: Callable[[Asked], Optional[Answer]] = lambda asked: None
    extra: Dict[str, Any] = field(default_factory=lambda: {"expires_in": 300})
    gate: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def challenge(self, more: str = f',service="reg",scope="{SCOPE}"', path: str = "/token") -> List[str]:
        return [f'Bearer realm="http://{self.host}{path}"{more}']

    def reply(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            number = len(self.asked)
        assert self.gate.wait(30)
        return self.answer(asked) or (200, {}, json.dumps({"token": f"t{number}", **self.extra}).encode())


@pytest.fixture
def service() -> Iterator[TokenService]:
    """A token server on loopback."""
    state = TokenService()
    state.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            form = parse_qs(self.rfile.read(length).decode())
            asked = Asked(self.command, url.path, parse_qs(url.query), form, self.headers.get("Authorization"))
            status, headers, body = state.reply(asked)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        state.gate.set()
        server.shutdown()
        thread.join()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def exchange(request: TokenRequest) -> TokenReply:
    """The tiniest exchange that keeps the promises of `Exchange`."""
    wire = urllib.request.Request(request.url, request.body, dict(request.headers), method=request.method)
    try:
        with OPENER.open(wire, timeout=30) as reply:
            return TokenReply(reply.status, reply.read(MAX_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            after = error.headers.get("Retry-After")
            return TokenReply(error.code, error.read(MAX_ANSWER), float(after) if after else None)
    except OSError as error:
        raise ConnectError(f"no token server: {error}") from None


def forbidden(request: TokenRequest) -> TokenReply:
    """For what must not be asked at all."""
    raise AssertionError(f"{request.method} {request.url} must not be sent")


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def make(
    service: TokenService,
    credentials: Optional[Credentials] = None,
    clock: Optional[Clock] = None,
    scope: str = SCOPE,
    via: Callable[[TokenRequest], TokenReply] = exchange,
) -> Authorizer:
    return Authorizer(service.host, "http", scope, credentials, via, clock or Clock())


def elsewhere(
    realm: str,
    host: str = "reg.example",
    scheme: str = "https",
    credentials: Optional[Credentials] = ANN,
    token_hosts: Tuple[str, ...] = (),
) -> Tuple[Optional[AuthError], List[TokenRequest]]:
    """What comes of a challenge that names `realm`: the error, and what was asked for."""
    sent: List[TokenRequest] = []

    def note(request: TokenRequest) -> TokenReply:
        sent.append(request)
        return TokenReply(200, b'{"token": "t"}')

    authorizer = Authorizer(host, scheme, SCOPE, credentials, note, Clock(), token_hosts)
    try:
        authorizer.challenged([f'Bearer realm="{realm}",service="s"'], authorizer.header())
    except AuthError as error:
        assert authorizer.header() is None
        return error, sent
    return None, sent


# Getting a token


def test_anonymous_token(service: TokenService) -> None:
    """Nothing is sent until the registry asks; then one anonymous GET gives the header."""
    authorizer = make(service)
    assert authorizer.header() is None
    authorizer.challenged(service.challenge(), None)
    assert authorizer.header() == "Bearer t1"
    (asked,) = service.asked
    assert (asked.method, asked.path, asked.authorization) == ("GET", "/token", None)
    assert asked.query == {"service": ["reg"], "scope": [SCOPE]}


@pytest.mark.row("auth")
def test_user_and_password_go_by_get_with_basic(service: TokenService) -> None:
    """With credentials the token is asked for by GET and Basic."""
    authorizer = make(service, ANN)
    authorizer.challenged(service.challenge(), None)
    assert service.asked[0].authorization == "Basic " + base64.b64encode(f"ann:{SECRET}".encode()).decode()
    assert SECRET not in str(service.asked[0].query)


@pytest.mark.row("auth")
def test_identity_token_goes_by_post(service: TokenService) -> None:
    """A refresh token goes in the body of a POST (OAuth2), never in a URL."""
    service.answer = lambda asked: (200, {}, b'{"access_token": "acc", "expires_in": 60, "refresh_token": "other"}')
    authorizer = make(service, REFRESH)
    authorizer.challenged(service.challenge(), None)
    (asked,) = service.asked
    assert (asked.method, asked.query, asked.authorization) == ("POST", {}, None)
    assert asked.form == {
        "grant_type": ["refresh_token"],
        "service": ["reg"],
        "client_id": ["dockferry"],
        "scope": [SCOPE],
        "refresh_token": ["s3cr3t-refresh"],
    }
    assert authorizer.header() == "Bearer acc"


@pytest.mark.parametrize("status", [404, 405])
def test_no_post_here(service: TokenService, status: int) -> None:
    """A token server that knows no POST is asked by GET."""
    service.answer = lambda asked: (status, {}, b"") if asked.method == "POST" else None
    authorizer = make(service, Credentials("ann", SECRET, "s3cr3t-refresh"))
    authorizer.challenged(service.challenge(), None)
    assert authorizer.header() == "Bearer t2"
    assert [asked.method for asked in service.asked] == ["POST", "GET"]
    assert service.asked[1].authorization == ANN.basic()


def test_the_realm_keeps_its_own_query(service: TokenService) -> None:
    """A realm may have a query already; ours is added to it."""
    make(service).challenged(service.challenge(path="/jwt?host=a%20b"), None)
    assert service.asked[0].query == {"host": ["a b"], "service": ["reg"], "scope": [SCOPE]}


@pytest.mark.parametrize(
    ("own", "challenged", "wanted"),
    [
        (SCOPE, "", [SCOPE]),
        (SCOPE, "repository:library/nginx:pull,push", [SCOPE]),
        (SCOPE, "repository:hub/library/nginx:pull", ["repository:hub/library/nginx:pull"]),
        (SCOPE, "repository:a:pull repository:b:pull", ["repository:a:pull", "repository:b:pull"]),
        ("", "registry:catalog:*", ["registry:catalog:*"]),
    ],
)
@pytest.mark.row("auth")
def test_scope(service: TokenService, own: str, challenged: str, wanted: List[str]) -> None:
    """Ours where the challenge means the same repository or none; a mirror's own path where it says so."""
    make(service, scope=own).challenged(service.challenge(f',scope="{challenged}"'), None)
    assert service.asked[0].query == {"scope": wanted}


def test_hostile_values_stay_values(service: TokenService) -> None:
    """What stands in service and scope cannot become another parameter or another line."""
    make(service).challenged(service.challenge(',service="a&grant=all#x é",scope="b&c=d"'), None)
    assert service.asked[0].query == {"service": ["a&grant=all#x é"], "scope": ["b&c=d"]}


@pytest.mark.parametrize(
    ("body", "value", "lifetime"),
    [
        (b'{"token": "a"}', "a", 60),
        (b'{"access_token": "a", "expires_in": 300}', "a", 300),
        (b'{"token": "a", "access_token": "b", "expires_in": 2}', "a", 2),
        (b'{"token": "", "access_token": "b"}', "b", 60),
        (b'{"token": "a", "expires_in": 0.5, "issued_at": "1970-01-01T00:00:00Z"}', "a", 0.5),
        (b'{"token": "a", "expires_in": 0}', "a", 60),
        (b'{"token": "a", "expires_in": -300}', "a", 60),
        (b'{"token": "a", "expires_in": NaN}', "a", 60),
        (b'{"token": "a", "expires_in": -Infinity}', "a", 60),
        (b'{"token": "a", "expires_in": 1e400}', "a", 60),
        (b'{"token": "a", "expires_in": 1e300}', "a", 86400),
        (b'{"token": "a", "expires_in": ' + b"9" * 5000 + b"}", "a", 60),
        (b'{"token": "a", "expires_in": null}', "a", 60),
        (b'{"token": "a", "expires_in": true}', "a", 60),
        (b'{"token": "a", "expires_in": "300"}', "a", 60),
        (b'{"token": "a", "expires_in": {}}', "a", 60),
    ],
)
@pytest.mark.row("auth")
def test_answers(body: bytes, value: str, lifetime: float) -> None:
    """`token` or `access_token`; a life that is not told, or absurd, is 60 s, and none is above a day."""
    token = parse_token(body, "h")
    assert (token.value, token.lifetime) == (value, lifetime)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>log in</html>",
        b'{"token": 7}',
        b'{"token": ["s3cr3t"]}',
        b'{"token": "s3cr3t\\r\\nX-Evil: 1"}',
        b'{"token": "s3cr3t s3cr3t"}',
        b'{"token": "s3cr3t\\u00e9"}',
        b'{"token": "s3cr3t\\ud800"}',
        b'{"token": "s3cr3t"',
        b'{"token": "\xff"}',
        b"[" * 60000,
        b'{"token": "' + b"a" * MAX_ANSWER + b'"}',
    ],
)
def test_no_token_in_the_answer(service: TokenService, body: bytes) -> None:
    """An answer without a clean token is worth a retry, named by host, and not quoted."""
    service.answer = lambda asked: (200, {}, body)
    with pytest.raises(ReplyError, match=r"127\.0\.0\.1") as caught:
        make(service).challenged(service.challenge(), None)
    assert "s3cr3t" not in str(caught.value)
    assert ("captive portal" in str(caught.value)) == body.startswith(b"<")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps({"token": text}).encode()))
def test_fuzz_answers(body: bytes) -> None:
    """Whatever comes is a token fit for a header, or ReplyError."""
    try:
        token = parse_token(body, "h")
    except ReplyError:
        return
    assert token.value
    assert all("!" <= char <= "~" for char in token.value)


# What the token server says no to


@pytest.mark.parametrize("status", [401, 403])
def test_refused_user(service: TokenService, status: int) -> None:
    """A refused user is told who was refused where, with exit code 4 and without the secret."""
    service.answer = lambda asked: (status, {}, SECRET.encode())
    authorizer = make(service, ANN)
    with pytest.raises(AuthError) as caught:
        authorizer.challenged(service.challenge(), None)
    assert caught.value.exit_code == 4
    assert "as ann" in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert len(service.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_refused_without_a_user(service: TokenService, status: int) -> None:
    """Who is nobody is told how to be somebody."""
    service.answer = lambda asked: (status, {}, b"")
    with pytest.raises(AuthError, match=r"-u USER --password-stdin.*docker login"):
        make(service).challenged(service.challenge(), None)


def test_refused_identity_token(service: TokenService) -> None:
    """A refused refresh token is not tried in another way."""
    service.answer = lambda asked: (401, {}, b"")
    with pytest.raises(AuthError, match="stored identity token") as caught:
        make(service, REFRESH).challenged(service.challenge(), None)
    assert "s3cr3t" not in str(caught.value)
    assert len(service.asked) == 1


@pytest.mark.parametrize(("status", "after"), [(429, 7.0), (500, None), (503, 1.0)])
def test_busy_token_server(service: TokenService, status: int, after: Optional[float]) -> None:
    """429 and 5xx ask for time; the next try works."""
    service.answer = lambda asked: (status, {"Retry-After": str(after)} if after else {}, b"")
    authorizer = make(service)
    with pytest.raises(BusyError) as caught:
        authorizer.challenged(service.challenge(), None)
    assert caught.value.retry_after == after
    service.answer = lambda asked: None
    authorizer.challenged(service.challenge(), authorizer.header())
    assert authorizer.header() == "Bearer t2"


@pytest.mark.rule(1)
def test_redirect_of_a_token_server(service: TokenService) -> None:
    """A token server's redirect is not followed: the secret stays where it was meant to go."""
    service.answer = lambda asked: (307, {"Location": f"http://{service.host}/elsewhere"}, b"")
    with pytest.raises(ReplyError, match="not followed"):
        make(service, ANN).challenged(service.challenge(), None)
    assert [asked.path for asked in service.asked] == ["/token"]


def test_other_refusals(service: TokenService) -> None:
    """Any other 4xx is final, with its number."""
    service.answer = lambda asked: (400, {}, b"")
    with pytest.raises(AuthError, match="400"):
        make(service).challenged(service.challenge(), None)


def test_unreachable_token_server() -> None:
    """A token server that is not there is the network's fault."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        service = TokenService(port=unused.getsockname()[1])
        with pytest.raises(NetworkError):
            make(service).challenged(service.challenge(), None)


# Basic


def test_basic_only_after_its_challenge(service: TokenService) -> None:
    """The password goes to the registry itself only when that asks for Basic."""
    authorizer = make(service, ANN, via=forbidden)
    assert authorizer.header() is None
    authorizer.challenged(['Basic realm="x"'], None)
    assert authorizer.header() == ANN.basic()


def test_basic_refused(service: TokenService) -> None:
    """The same password is not offered twice."""
    authorizer = make(service, ANN, via=forbidden)
    authorizer.challenged(['BASIC realm="x"'], authorizer.header())
    for _ in range(5):
        sent = authorizer.header()
    with pytest.raises(AuthError, match=r"to pull library/nginx .* as ann.*check the password") as caught:
        authorizer.challenged(['BASIC realm="x"'], sent)
    assert SECRET not in str(caught.value)


def test_basic_without_a_user(service: TokenService) -> None:
    """A registry that wants Basic has nothing for nobody."""
    with pytest.raises(AuthError, match="-u USER"):
        make(service, via=forbidden).challenged(['Basic realm="x"'], None)


@pytest.mark.parametrize(
    "values", [[], [""], ["Negotiate"], ["Bearer"], ['Bearer realm="unclosed'], ["\x1b[31m evil"]]
)
def test_no_challenge(service: TokenService, values: List[str]) -> None:
    """A 401 without a challenge that is understood ends it; what came is shown clean."""
    with pytest.raises(AuthError, match="challenge") as caught:
        make(service, ANN, via=forbidden).challenged(values, None)
    assert "\x1b" not in str(caught.value)


# Hostile realms


@pytest.mark.parametrize(
    "realm",
    [
        "http://reg.example/token",
        "ftp://reg.example/token",
        "file:///etc/passwd",
        "//reg.example/token",
        "/token",
        "token",
        "https://",
        "https:///token",
        "https://reg.example@evil.example/token",
        "https://user:pw@reg.example/token",
        "https://evil.example\\\\@reg.example/token",
        "https://reg.example:0/token",
        "https://reg.example:99999/token",
        "https://reg.example:x/token",
        "https://reg.example /token",
        "https://reg.example/\ttoken",
        "https://reg.example/token#fragment",
        "https://rég.example/token",
        "https://reg。example/token",
        "https://[::1/token",
        "https://[::1%25lo]/token",
        "https://reg.example/" + "a" * 3000,
    ],
)
@pytest.mark.parametrize("credentials", [ANN, None])
@pytest.mark.row(31)
@pytest.mark.rule(1)
def test_hostile_realm(realm: str, credentials: Optional[Credentials]) -> None:
    """What is no plain https URL is not asked at all, with a secret or without."""
    error, sent = elsewhere(realm, credentials=credentials)
    assert error is not None
    assert sent == []
    assert "pw@" not in str(error)
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("host", "realm_host"),
    [
        ("reg.example", "evil.example"),
        ("reg.example", "reg.example.evil.net"),
        ("reg.example", "evilreg.example"),
        ("a.reg.com.cn", "a.evil.com.cn"),
        ("reg.co.uk", "evil.co.uk"),
        ("reg.bj.cn", "evil.bj.cn"),
        ("10.0.0.1:5000", "10.0.0.2"),
        ("127.0.0.1", "1.0.0.1"),
        ("127.1.1.1", "127.2.1.1"),
        ("localhost:5000", "127.0.0.1"),
        ("[::1]:5000", "[::2]"),
        ("localhost", "evil"),
        ("registry", "registry.evil.example"),
        ("docker.io", "evil.docker.io"),
        ("registry-1.docker.io", "auth.docker.io.evil.example"),
        ("registry-1.docker.io", "docker.com"),
        ("mine.azurecr.io", "evil.azurecr.io"),
        ("1.dkr.ecr.us-east-1.amazonaws.com", "evil.s3.us-east-1.amazonaws.com"),
        ("registry.cn-hangzhou.aliyuncs.com", "evil.oss-cn-hangzhou.aliyuncs.com"),
        ("registry.cn-hangzhou.aliyuncs.com", "dockerauth.oss-cn-hangzhou.aliyuncs.com"),
        ("registry.cn-hangzhou.aliyuncs.com", "dockerauth.evil.example"),
    ],
)
@pytest.mark.row(31)
@pytest.mark.rule(1)
def test_no_secret_for_another_party(host: str, realm_host: str) -> None:
    """A secret goes to no other party, whatever the registry says; both are named. Without one, asking is free."""
    error, sent = elsewhere(f"https://{realm_host}/token", host)
    assert error is not None
    assert sent == []
    assert host in str(error)
    assert realm_host in str(error)
    assert SECRET not in str(error)
    error, sent = elsewhere(f"https://{realm_host}/token", host, credentials=None)
    assert error is None
    assert [name for name, _ in sent[0].headers] == ["Accept"]


@pytest.mark.parametrize(
    ("host", "realm_host"),
    [
        ("reg.example", "reg.example"),
        ("reg.example:5000", "REG.example:5001"),
        ("registry.gitlab.com", "gitlab.com"),
        ("registry.corp.com.cn", "auth.corp.com.cn"),
        ("docker.m.daocloud.io", "m.daocloud.io"),
        ("docker.io", "auth.docker.io"),
        ("registry-1.docker.io", "auth.docker.io"),
        ("registry.cn-shanghai.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com"),
        ("crpi-x.cn-beijing.personal.cr.aliyuncs.com", "dockerauth.cn-hangzhou.aliyuncs.com"),
        ("rg.fr-par.scw.cloud", "api.scaleway.com"),
        ("mine.azurecr.io", "mine.azurecr.io"),
        ("10.0.0.1:5000", "10.0.0.1:5001"),
        ("[::1]:5000", "[::1]:5001"),
    ],
)
@pytest.mark.rule(1)
def test_a_secret_for_the_registrys_own_party(host: str, realm_host: str) -> None:
    """The registry's own host, its registrable domain and the pinned hosts get the credentials."""
    error, sent = elsewhere(f"https://{realm_host}/token", host)
    assert error is None
    assert ("Authorization", ANN.basic()) in sent[0].headers


@pytest.mark.rule(1)
def test_a_host_that_the_user_pins_gets_the_secret() -> None:
    """Exactly that host, on any port, over https alone; the error for another says how to pin it."""
    pinned = ("auth.partner.net",)
    error, sent = elsewhere("https://auth.partner.net:8443/token", token_hosts=pinned)
    assert error is None
    assert ("Authorization", ANN.basic()) in sent[0].headers
    for other in ("partner.net", "x.auth.partner.net", "auth.partner.net.evil.example"):
        error, sent = elsewhere(f"https://{other}/token", token_hosts=pinned)
        assert sent == []
        assert error is not None
        assert f"--token-host {other}" in error.remedy
    assert elsewhere("http://auth.partner.net/token", token_hosts=pinned)[1] == []


@pytest.mark.parametrize("text", ["", "https://a.example", "a.example/token", "a.example:443", "a b", "me@a.example"])
def test_a_pinned_host_is_a_name_alone(text: str) -> None:
    """What could be taken for more than a host is refused."""
    with pytest.raises(UsageError, match="wanted a host's name alone"):
        parse_token_host(text)


@pytest.mark.rule(1)
def test_plain_http_only_for_a_plain_registry() -> None:
    """http for the token is allowed where the registry is http, and only there."""
    assert elsewhere("http://reg.example/token", scheme="http")[0] is None
    assert elsewhere("https://reg.example/token", scheme="http")[0] is None
    assert elsewhere("http://reg.example/token", scheme="https")[0] is not None
    assert elsewhere("http://evil.net/token", scheme="http")[0] is not None


def test_repr_of_what_is_sent_and_got() -> None:
    """Neither a request nor a reply shows its secret by way of repr."""
    _, sent = elsewhere("https://reg.example/token")
    assert SECRET not in repr(sent)
    assert "Basic" not in repr(sent)
    assert "t0k3n" not in repr(TokenReply(200, b'{"token": "t0k3n"}'))
    assert "t0k3n" not in repr(parse_token(b'{"token": "t0k3n"}', "h"))


# Expiry and refusals


@pytest.mark.parametrize(("lifetime", "fresh_until"), [(300, 290), (60, 50), (8, 6), (2, 1.5)])
def test_renewed_before_it_expires(service: TokenService, lifetime: float, fresh_until: float) -> None:
    """A token is used while it is fresh and renewed ahead of its end, be its life 300 s or 2 s."""
    service.extra = {"expires_in": lifetime}
    clock = Clock()
    authorizer = make(service, clock=clock)
    authorizer.challenged(service.challenge(), None)
    clock.now += fresh_until - 0.01
    assert authorizer.header() == "Bearer t1"
    clock.now += 0.02
    assert authorizer.header() == "Bearer t2"
    assert authorizer.header() == "Bearer t2"
    clock.now += 100 * lifetime
    assert authorizer.header() == "Bearer t3"
    assert service.asked[2].query == service.asked[0].query


@pytest.mark.row(32)
def test_a_wrong_wall_clock_has_no_effect(service: TokenService) -> None:
    """`issued_at` is not looked at: a token issued in another century is as good as its `expires_in`."""
    service.extra = {"expires_in": 300, "issued_at": "1999-01-01T00:00:00Z"}
    authorizer = make(service)
    authorizer.challenged(service.challenge(), None)
    assert authorizer.header() == "Bearer t1"
    assert len(service.asked) == 1


def test_early_renewal_may_fail(service: TokenService) -> None:
    """While the token is still good a token server that is down disturbs nobody, and is asked once."""
    clock = Clock()
    authorizer = make(service, clock=clock)
    authorizer.challenged(service.challenge(), None)
    service.answer = lambda asked: (503, {}, b"")
    clock.now += 295
    assert authorizer.header() == "Bearer t1"
    assert authorizer.header() == "Bearer t1"
    assert len(service.asked) == 2
    clock.now += 5
    with pytest.raises(BusyError):
        authorizer.header()
    service.answer = lambda asked: None
    assert authorizer.header() == "Bearer t4"


def count_401s(authorizer: Authorizer, values: List[str], each: Callable[[], None] = lambda: None) -> int:
    """How many 401s in a row one request gets until AuthError says that it is over."""
    for number in range(1, 20):
        sent = authorizer.header()
        each()
        try:
            authorizer.challenged(values, sent)
        except AuthError:
            return number
    raise AssertionError("no end")


@pytest.mark.parametrize("credentials", [ANN, None])
@pytest.mark.row(30)
def test_endless_401_stops_at_two(service: TokenService, credentials: Optional[Credentials]) -> None:
    """A fresh token that is refused like no token is the end."""
    assert count_401s(make(service, credentials), service.challenge()) == 2
    assert len(service.asked) == 1


def test_endless_401_stops_for_tokens_of_no_life(service: TokenService) -> None:
    """Even where every token is past its life when the 401 comes, there is an end."""
    service.extra = {"expires_in": 0.001}
    clock = Clock()

    def pass_time() -> None:
        clock.now += 1

    assert count_401s(make(service, clock=clock), service.challenge(), pass_time) == 5
    assert len(service.asked) <= 10


def test_revoked_again_and_again(service: TokenService) -> None:
    """A token that worked and then is refused, however often that happens, is renewed: only a row of 401s ends it."""
    authorizer = make(service)
    authorizer.challenged(service.challenge(), authorizer.header())
    for _ in range(10):
        authorizer.header()  # a request that was answered
        authorizer.challenged(service.challenge(), authorizer.header())
    assert authorizer.header() == "Bearer t11"


def test_expired_on_a_slow_link(service: TokenService) -> None:
    """A token of 2 s that was too old on arrival, three times in a row, is not mistaken for a refusal."""
    service.extra = {"expires_in": 2}
    clock = Clock()
    authorizer = make(service, clock=clock)
    authorizer.challenged(service.challenge(), authorizer.header())
    for _ in range(3):
        sent = authorizer.header()
        clock.now += 2.5
        authorizer.challenged(service.challenge(), sent)
    assert authorizer.header() is not None


# Threads


def together(count: int, work: Callable[[int], Any]) -> List[Any]:
    """What `work` gives, or raises, in each of `count` threads that start at one instant."""
    barrier = threading.Barrier(count)
    results: List[Any] = [None] * count

    def run(place: int) -> None:
        barrier.wait(30)
        try:
            results[place] = work(place)
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def wait_until(condition: Callable[[], bool]) -> None:
    """Come back when `condition` holds, in 30 s at most."""
    done = threading.Event()
    for _ in range(3000):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("the condition did not come to hold")


@pytest.mark.row(27)
def test_one_renewal_for_all_threads(service: TokenService) -> None:
    """Twenty threads meet one 401 at once: one token request, one header for all."""
    service.gate.clear()
    authorizer = make(service, ANN)
    entered = threading.Semaphore(0)

    def work(place: int) -> Optional[str]:
        sent = authorizer.header()
        entered.release()
        authorizer.challenged(service.challenge(), sent)
        return authorizer.header()

    opener = threading.Thread(
        target=lambda: (all(entered.acquire(timeout=30) for _ in range(20)), service.gate.set())
    )
    opener.start()
    assert together(20, work) == ["Bearer t1"] * 20
    opener.join()
    assert len(service.asked) == 1


@pytest.mark.row(27)
def test_one_renewal_of_an_expired_token(service: TokenService) -> None:
    """Twenty threads find the token expired: one asks, all get the new one."""
    clock = Clock()
    authorizer = make(service, clock=clock)
    authorizer.challenged(service.challenge(), None)
    clock.now += 1000
    assert together(20, lambda place: authorizer.header()) == ["Bearer t2"] * 20
    assert len(service.asked) == 2


def test_a_late_401_renews_nothing(service: TokenService) -> None:
    """A 401 for a token that another thread has replaced meanwhile just says: try again."""
    authorizer = make(service)
    authorizer.challenged(service.challenge(), None)
    together(1, lambda place: authorizer.challenged(service.challenge(), "Bearer t1"))
    together(20, lambda place: authorizer.challenged(service.challenge(), "Bearer t1"))
    assert authorizer.header() == "Bearer t2"
    assert len(service.asked) == 2


def test_nobody_waits_while_the_token_is_good(service: TokenService) -> None:
    """In the margin before its end one thread fetches the new token; the others go on with the old one."""
    clock = Clock()
    authorizer = make(service, clock=clock)
    authorizer.challenged(service.challenge(), None)
    clock.now += 295
    service.gate.clear()
    renewed: List[Optional[str]] = []
    thread = threading.Thread(target=lambda: renewed.append(authorizer.header()))
    thread.start()
    wait_until(lambda: len(service.asked) == 2)
    assert authorizer.header() == "Bearer t1"
    service.gate.set()
    thread.join()
    assert renewed == ["Bearer t2"]
    assert authorizer.header() == "Bearer t2"


def test_a_failure_is_shared(service: TokenService) -> None:
    """A user who is refused while twenty threads wait is tried once, not twenty times: no account gets locked."""
    looked = threading.Semaphore(0)

    class NotingClock(Clock):
        """`header` looks at the clock when it has seen the state that it goes by."""

        def __call__(self) -> float:
            looked.release()
            return self.now

    clock = NotingClock()
    authorizer = make(service, ANN, clock)
    authorizer.challenged(service.challenge(), None)
    while looked.acquire(blocking=False):
        pass
    clock.now += 1000
    service.answer = lambda asked: (401, {}, b"")
    service.gate.clear()

    def open_gate() -> None:
        for _ in range(20):
            assert looked.acquire(timeout=30)
        service.gate.set()

    opener = threading.Thread(target=open_gate)
    opener.start()
    results = together(20, lambda place: authorizer.header())
    opener.join()
    assert all(isinstance(result, AuthError) for result in results)
    assert {str(result) for result in results} == {str(results[0])}
    assert len({id(result) for result in results}) == 20
    assert len(service.asked) == 2
