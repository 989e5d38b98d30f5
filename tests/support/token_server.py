"""A token server as docker-registry trusts it (distribution project, docs: "Token Authentication Specification").

Tokens are JWTs signed with ES256; the `x5c` header carries the certificate that the registry has as its root.
"""

from __future__ import annotations

import base64
import binascii
import http.server
import json
import ssl
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import parse_qs, urlsplit

import trustme
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SERVICE, ISSUER, PUBLIC = "test registry", "test issuer", "public/"
_REGISTRY_LEEWAY = 60
"""Seconds for which docker-registry still takes a token that has expired: taken off, so that it expires on time."""


@dataclass(frozen=True)
class Request:
    """What was asked: `user` is empty for anonymous requests; `granted` is False for a refusal."""

    method: str
    user: str
    scopes: Tuple[str, ...]
    granted: bool


class TokenServer:
    """Serves while entered. Anyone may pull below PUBLIC; `users` (name to password) may pull and push everything.

    GET with Basic credentials or none, and POST with `grant_type=password` or `refresh_token` (the refresh token of
    a user is `refresh-NAME`). A token lives `lifetime` seconds, which may be changed at any time; `requests` is
    what was asked so far.
    """

    def __init__(self, users: Mapping[str, str], lifetime: int) -> None:
        self.lifetime = lifetime
        self.requests: List[Request] = []
        self._users = dict(users)
        leaf = trustme.CA().issue_cert("issuer.test", key_type=trustme.KeyType.ECDSA)
        self.certificate = leaf.cert_chain_pems[0].bytes()
        self._key = load_pem_private_key(leaf.private_key_pem.bytes(), password=None)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.tokens = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> TokenServer:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def realm(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/token"

    @property
    def registry_settings(self) -> Dict[str, object]:
        """For `auth.token` in the registry's configuration; `rootcertbundle` is to be a file with `certificate`."""
        return {"realm": self.realm, "service": SERVICE, "issuer": ISSUER}

    def push_headers(self, repository: str) -> Dict[str, str]:
        """What lets a request of ours push to `repository`."""
        return {"Authorization": f"Bearer {self._sign('', [_access('repository', repository, ['pull', 'push'])])}"}

    def answer(
        self, method: str, user: str, password: Optional[str], scopes: Sequence[str]
    ) -> Optional[Dict[str, object]]:
        """The reply's JSON, None for a refusal. `password` None means that `user` has been proved otherwise."""
        known = not user or password is None or self._users.get(user) == password
        self.requests.append(Request(method, user, tuple(scopes), known))
        if not known:
            return None
        access = [granted for scope in scopes for granted in _granted(scope, is_user=bool(user))]
        token = self._sign(user, access)
        return {("token" if method == "GET" else "access_token"): token, "expires_in": self.lifetime}

    def user_of(self, refresh_token: str) -> Optional[str]:
        name = refresh_token[len("refresh-") :]
        return name if refresh_token.startswith("refresh-") and name in self._users else None

    def _sign(self, user: str, access: Sequence[Dict[str, object]]) -> str:
        now = int(time.time())
        header = {"typ": "JWT", "alg": "ES256", "x5c": [_der(self.certificate)]}
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "exp": now + self.lifetime - _REGISTRY_LEEWAY,
            "nbf": now - 5,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "access": list(access),
        }
        payload = f"{_segment(json.dumps(header).encode())}.{_segment(json.dumps(claims).encode())}"
        assert isinstance(self._key, ec.EllipticCurvePrivateKey)
        r, s = utils.decode_dss_signature(self._key.sign(payload.encode(), ec.ECDSA(SHA256())))
        return f"{payload}.{_segment(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _tokens(self) -> TokenServer:
        found: TokenServer = self.server.tokens  # type: ignore[attr-defined]
        return found

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        user, password = _basic(self.headers.get("Authorization", ""))
        self._reply("GET", user, password, asked.get("scope", []))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        form = parse_qs(self.rfile.read(length).decode(), strict_parsing=True)
        scopes = [scope for line in form.get("scope", []) for scope in line.split()]
        if form["grant_type"] == ["refresh_token"]:
            user = self._tokens.user_of(form["refresh_token"][0])
            self._reply("POST", user or "nobody", None if user else "", scopes)
        else:
            self._reply("POST", form["username"][0], form["password"][0], scopes)

    def _reply(self, method: str, user: str, password: Optional[str], scopes: Sequence[str]) -> None:
        found = self._tokens.answer(method, user, password, scopes)
        body = json.dumps(found or {"details": "incorrect username or password"}).encode()
        self.send_response(200 if found else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The requests are kept, not printed."""


def _granted(scope: str, is_user: bool) -> List[Dict[str, object]]:
    """What of `type:name:actions` may be had: nothing is an empty list, as the specification has it."""
    kind, _, rest = scope.partition(":")
    name, _, wanted = rest.rpartition(":")
    may = ("pull", "push") if is_user else ("pull",) if name.startswith(PUBLIC) else ()
    actions = [action for action in wanted.split(",") if action in may]
    return [_access(kind, name, actions)] if actions else []


def _access(kind: str, name: str, actions: Sequence[str]) -> Dict[str, object]:
    return {"type": kind, "name": name, "actions": list(actions)}


def _basic(header: str) -> Tuple[str, Optional[str]]:
    """User and password; no header is the anonymous user, an unreadable one nobody."""
    scheme, _, value = header.partition(" ")
    if not header:
        return "", None
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "nobody", ""
    return (user, password) if scheme.lower() == "basic" and colon else ("nobody", "")


def _der(pem: bytes) -> str:
    return base64.b64encode(ssl.PEM_cert_to_DER_cert(pem.decode())).decode()


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
