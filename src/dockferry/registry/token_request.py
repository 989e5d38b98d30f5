"""Token request: asking a registry's token server for a bearer token, and reading its answer.

Docker Registry v2 token authentication: GET with Basic (spec "token"), POST with a refresh token (spec "oauth2").
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Callable, Collection, List, Optional, Tuple
from urllib.parse import urlencode

from ..errors import AuthError, BusyError, ReplyError
from ..message import Message
from ..oci.strict_json import AN_HTML_PAGE, TO_THE_PAGE
from ..text import clean
from .challenge import Challenge
from .credentials import Credentials
from .judge import TO_WAIT, status_text
from .realm import check_realm, is_trusted

DEFAULT_LIFETIME = 60.0
"""Seconds a token lives whose answer does not say (spec "token", `expires_in`)."""
MAX_LIFETIME = 24 * 3600.0
MAX_ANSWER = 64 * 1024
_CLIENT_ID = "dockferry"
_BEARER = re.compile(r"[\x21-\x7e]+", re.ASCII)
LOGIN_REMEDY = Message("give -u USER --password-stdin, or run docker login")


@dataclass(frozen=True)
class TokenRequest:
    """An HTTP request to a token server. `repr` shows neither headers nor body: they hold secrets."""

    method: str
    url: str
    headers: Tuple[Tuple[str, str], ...] = field(repr=False)
    body: Optional[bytes] = field(default=None, repr=False)


@dataclass(frozen=True)
class TokenReply:
    """Its answer: `body` at most 64 KiB, `retry_after` in seconds."""

    status: int
    body: bytes = field(repr=False)
    retry_after: Optional[float] = None


@dataclass(frozen=True)
class Token:
    """`value` for `Authorization: Bearer`, good for `lifetime` seconds."""

    value: str = field(repr=False)
    lifetime: float


Exchange = Callable[[TokenRequest], TokenReply]
"""Does one HTTP exchange: follows no redirect, bounds the body, raises NetworkError."""


@dataclass(frozen=True)
class TokenServer:
    """Where a challenge sends us, and as whom. `scope` may be empty.

    `create` is the gate: what it returns may be asked, with the credentials it holds.
    """

    realm: str
    host: str
    registry: str
    service: str
    scope: str
    credentials: Optional[Credentials]

    @classmethod
    def create(
        cls,
        challenge: Challenge,
        registry: str,
        scheme: str,
        scope: str,
        credentials: Optional[Credentials],
        token_hosts: Collection[str] = (),
    ) -> TokenServer:
        """From a Bearer challenge of `registry` (`host[:port]`, spoken to over `scheme`).

        `token_hosts` are those that the user pins. Raises AuthError for a realm that may not be asked, or to which
        the credentials may not go.
        """
        realm = challenge.get("realm")
        host = check_realm(realm, scheme)
        if credentials is not None and not is_trusted(host, registry, token_hosts):
            raise AuthError(
                "wanted a token server of {} itself, got {}: credentials for {} are not sent",
                registry,
                host,
                registry,
                remedy=Message(
                    "pull without credentials, or, if its operator vouches for {}, add --token-host {}", host, host
                ),
            )
        chosen = _choose_scope(challenge.get("scope"), scope)
        return cls(realm, host, registry, challenge.get("service"), chosen, credentials)

    def fetch(self, exchange: Exchange) -> Token:
        """Ask once (a refresh token may need two requests).

        Raises AuthError (refused), BusyError (429, 5xx), ReplyError (no token in the answer), NetworkError.
        """
        credentials = self.credentials
        if credentials is not None and credentials.identity_token:
            reply = exchange(self._post(credentials.identity_token))
            if reply.status not in (404, 405):
                return self._token(reply)
        return self._token(exchange(self._get()))

    def _get(self) -> TokenRequest:
        query: List[Tuple[str, str]] = [("service", self.service)] if self.service else []
        query += [("scope", scope) for scope in self.scope.split()]
        joint = "&" if "?" in self.realm else "?"
        url = self.realm + (joint + urlencode(query, errors="replace") if query else "")
        headers = [("Accept", "application/json")]
        if self.credentials is not None:
            headers.append(("Authorization", self.credentials.basic()))
        return TokenRequest("GET", url, tuple(headers))

    def _post(self, refresh_token: str) -> TokenRequest:
        form = {
            "grant_type": "refresh_token",
            "service": self.service,
            "client_id": _CLIENT_ID,
            "scope": self.scope,
            "refresh_token": refresh_token,
        }
        headers = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"))
        return TokenRequest("POST", self.realm, headers, urlencode(form, errors="surrogatepass").encode("ascii"))

    def _token(self, reply: TokenReply) -> Token:
        if 200 <= reply.status < 300:
            return parse_token(reply.body, self.host)
        if reply.status in (401, 403):
            raise self._refused(reply.status)
        status = status_text(reply.status)
        got = Message("wanted a token for {}, got {} from {}", self.registry, status, self.host)
        reason = Message("{} from {}", status, self.host)
        if reply.status == 429 or reply.status >= 500:
            remedy = TO_WAIT if reply.status == 429 else ""
            raise BusyError(got, retry_after=reply.retry_after, remedy=remedy, reason=reason)
        if 300 <= reply.status < 400:
            raise ReplyError("{}: redirects of a token server are not followed", got, reason=reason)
        raise AuthError(got, remedy="check the image's name and your access to it")

    def _refused(self, status: int) -> AuthError:
        if self.credentials is None:
            return AuthError(
                "wanted an anonymous token for {}, got {} from {}",
                self.registry,
                status_text(status),
                self.host,
                remedy=LOGIN_REMEDY,
            )
        who = clean(self.credentials.username, 80) or Message("the stored identity token")
        return AuthError(
            "wanted a token for {} as {}, got {} from {}",
            self.registry,
            who,
            status_text(status),
            self.host,
            remedy="check user and password, or run docker login again",
        )


def parse_token(body: bytes, host: str) -> Token:
    """The token in a token server's answer: `token` or `access_token`, and `expires_in`. Raises ReplyError."""
    try:
        # Numbers become floats, so that a number of any length is one; NaN and infinity are judged below.
        document = json.loads(body[: MAX_ANSWER + 1].decode("utf-8"), parse_int=float)
    except (ValueError, RecursionError):
        document = None
    found = document if isinstance(document, dict) and len(body) <= MAX_ANSWER else {}
    value = found.get("token") or found.get("access_token")
    if not isinstance(value, str) or not _BEARER.fullmatch(value):
        if body.lstrip()[:1] == b"<":
            raise ReplyError("wanted JSON with a token from {}, got {}", host, AN_HTML_PAGE, remedy=TO_THE_PAGE)
        raise ReplyError("wanted JSON with a token, got something else from {}", host)
    return Token(value, _lifetime(found.get("expires_in")))


def _lifetime(value: object) -> float:
    seconds = value if isinstance(value, float) else DEFAULT_LIFETIME
    return min(seconds, MAX_LIFETIME) if math.isfinite(seconds) and seconds > 0 else DEFAULT_LIFETIME


def _choose_scope(challenged: str, own: str) -> str:
    """The challenge's scope, as a mirror's repository has a path of its own; ours where both mean one repository.

    Ours asks for less: some registries' challenges ask for push as well.
    """
    challenged = " ".join(challenged.split())
    same = own.rpartition(":")[0]
    return own if not challenged or (same and challenged.rpartition(":")[0] == same) else challenged
