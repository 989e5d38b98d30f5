"""Authorizer: the Authorization header for one repository of one registry, kept good while threads use it.

Strategy. Nothing is known until the registry's first 401, whose challenge says what to do. The header is state under
one lock; whoever obtains a token holds a second one, so that there is one renewal for all threads: those that wait
for it share its success or its failure. A token is renewed a little before it expires; while it is still good only
one thread goes for the new one. Time is the injected monotonic clock's alone.
"""

from __future__ import annotations

import copy
import threading
import time
from typing import Callable, Collection, Optional, Sequence

from ..errors import AuthError, DockferryError
from ..message import Message
from ..text import clean
from .challenge import choose_challenge, parse_challenges
from .credentials import Credentials
from .token_request import LOGIN_REMEDY, Exchange, Token, TokenServer

MAX_MARGIN = 10.0
"""Seconds before its expiry that a token is renewed, or a quarter of its life if that is less."""
MAX_REFUSALS = 2
"""401s in a row that one request may get with tokens that should be good."""
MAX_EXPIRED = 5
"""The same with tokens that were past their life when the 401 came: a slow link, and tokens that live for seconds."""


class _ThreadRecord(threading.local):
    """What one thread has met: a request that is refused again right after its 401 was answered."""

    headers_since_401 = 0
    refusals = 0

    def count_refusal(self) -> int:
        """401s in a row for one request, with this one. Two headers since the last: it was another request."""
        self.refusals = self.refusals + 1 if self.headers_since_401 == 1 else 1
        self.headers_since_401 = 0
        return self.refusals


class Authorizer:
    """Safe for threads. A thread calls `header` once for each request that it sends.

    `host` is the registry's `host[:port]`, `scheme` "http" or "https", `scope` what a pull needs
    (`repository:NAME:pull`), used where a challenge names none. `token_hosts` are other parties' hosts that the user
    lets have the credentials.
    """

    def __init__(
        self,
        host: str,
        scheme: str,
        scope: str,
        credentials: Optional[Credentials],
        exchange: Exchange,
        clock: Callable[[], float] = time.monotonic,
        token_hosts: Collection[str] = (),
    ) -> None:
        self._host = host
        self._scheme = scheme
        self._scope = scope
        self._credentials = credentials
        self._exchange = exchange
        self._token_hosts = token_hosts
        self._clock = clock
        self._lock = threading.Lock()
        self._value: Optional[str] = None
        self._server: Optional[TokenServer] = None
        self._renew_at = 0.0
        self._expires_at = 0.0
        self._renewal = threading.Lock()
        self._rounds = 0
        self._failure: Optional[DockferryError] = None
        self._thread = _ThreadRecord()

    def header(self) -> Optional[str]:
        """The value of the next request's Authorization; None while nothing is known.

        Renews a bearer token that is about to expire. Raises AuthError or NetworkError where that was needed and
        failed; a token that is still good is used to its end.
        """
        self._thread.headers_since_401 += 1
        with self._lock:
            value, server, seen = self._value, self._server, self._rounds
            now = self._clock()
            is_due, is_good = now >= self._renew_at, now < self._expires_at
        if server is None or not is_due or not self._renewal.acquire(blocking=not is_good):
            return value
        try:
            if not self._is_overtaken(seen, value, is_good):
                self._renew(server, is_good)
        finally:
            self._renewal.release()
        with self._lock:
            return self._value

    def challenged(self, values: Sequence[str], sent: Optional[str]) -> None:
        """A 401 with these WWW-Authenticate values answered a request that carried `sent`.

        Comes back when `header` is worth another try: at once if another thread has renewed it meanwhile. Raises
        AuthError if it is not: no challenge, a realm that may not be asked, the same credentials refused again;
        NetworkError where the token server could not be reached, BusyError where it asks for time.
        """
        with self._lock:
            seen = self._rounds
            is_good = sent is not None and sent == self._value and self._clock() < self._expires_at
        refusals = self._thread.count_refusal()
        if refusals >= (MAX_REFUSALS if is_good else MAX_EXPIRED):
            raise self._refused()
        with self._renewal:
            if not self._is_overtaken(seen, sent):
                self._answer(values, sent)

    def _answer(self, values: Sequence[str], sent: Optional[str]) -> None:
        challenge = choose_challenge(parse_challenges(values))
        if challenge is None:
            shown = clean(", ".join(values), 120) or Message("none")
            raise AuthError(
                "wanted a Bearer or Basic challenge in the 401 of {}, got {}",
                self._host,
                shown,
                remedy="check that this is a registry's address, or try another mirror with -r",
            )
        if challenge.scheme == "bearer":
            self._renew(
                TokenServer.create(
                    challenge, self._host, self._scheme, self._scope, self._credentials, self._token_hosts
                )
            )
            return
        if self._credentials is None:
            raise AuthError(
                "wanted {} from {}, got 401: it asks for a user", self._errand, self._host, remedy=LOGIN_REMEDY
            )
        value = self._credentials.basic()
        if value == sent:
            raise self._refused()
        with self._lock:
            self._value, self._server = value, None
            self._expires_at = float("inf")

    def _is_overtaken(self, seen: int, value: Optional[str], is_good: bool = False) -> bool:
        """Whether another thread has renewed since `seen`; its failure is ours too, unless `value` is good yet."""
        with self._lock:
            if self._value != value:
                return True
            if self._rounds == seen:
                return False
            if self._failure is not None and not is_good:
                raise copy.copy(self._failure)
            return True

    def _renew(self, server: TokenServer, is_good: bool = False) -> None:
        """With the renewal lock held. A failure is kept to ourselves while the present token `is_good`."""
        try:
            token = server.fetch(self._exchange)
        except DockferryError as error:
            with self._lock:
                self._rounds += 1
                self._failure = error
                self._renew_at = self._expires_at
            if is_good:
                return
            raise
        self._take(server, token)

    def _take(self, server: TokenServer, token: Token) -> None:
        margin = min(MAX_MARGIN, token.lifetime / 4)
        with self._lock:
            self._rounds += 1
            self._failure = None
            self._server = server
            self._value = f"Bearer {token.value}"
            # From the answer's arrival: counted from the question, a slow token server would never be quick enough.
            self._expires_at = self._clock() + token.lifetime
            self._renew_at = self._expires_at - margin

    @property
    def _errand(self) -> str:
        """The scope in a user's words: `repository:team/app:pull` is `to pull team/app`."""
        scope = clean(self._scope, 200)
        kind, _, rest = scope.partition(":")
        name, _, action = rest.rpartition(":")
        return Message("to pull {}", name) if kind == "repository" and name and action == "pull" else scope

    def _refused(self) -> AuthError:
        if self._credentials is None:
            return AuthError(
                "wanted {} from {} without a user, got 401 again after authorizing",
                self._errand,
                self._host,
                remedy=Message("check the name, which may not exist, or {}", LOGIN_REMEDY),
            )
        return AuthError(
            "wanted {} from {} as {}, got 401 again after authorizing",
            self._errand,
            self._host,
            clean(self._credentials.username, 80) or Message("given"),
            remedy="check the password, and that this user may pull it",
        )
