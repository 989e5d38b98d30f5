"""Session: GET requests to one repository's endpoint, with authorization, redirects and error bodies dealt with."""

from __future__ import annotations

import time
from typing import ContextManager, Dict, Mapping, Tuple

from ..errors import BodyError, DockferryError
from ..message import Message
from .complaint import MAX_ERROR_BODY, Complaint
from .endpoint import Endpoint
from .headers import retry_after
from .judge import REDIRECTS, refusal
from .lines import Call
from .redirects import Hop, next_hop
from .token_request import TokenReply, TokenRequest
from .tokens import Authorizer
from .transport import Reply, Transport

_MOST_REQUESTS = 8
"""For one document: the authorizer gives up long before, whatever the registry plays at."""
_COMPLAINT_TIME = 5.0
"""Seconds for an error's body, which only says it in other words."""


class Session:
    """Used by all threads."""

    def __init__(self, endpoint: Endpoint, transport: Transport, authorizer: Authorizer) -> None:
        self.endpoint = endpoint
        self._transport = transport
        self._authorizer = authorizer

    def fetch(self, url: str, headers: Mapping[str, str]) -> Reply:
        """The reply to a GET of `url` at the endpoint, redirects followed; any status but those of redirects.

        Raises NetworkError, AuthError.
        """
        hop = Hop(url, is_home=True, is_public=False)
        hops = 0
        while True:
            reply = self.visit(hop, headers)
            if reply.status not in REDIRECTS:
                return reply
            hops += 1
            hop = self.follow(hop, reply, hops)

    def call(self) -> ContextManager[Call]:
        """As the transport's."""
        return self._transport.call()

    def visit(self, hop: Hop, headers: Mapping[str, str]) -> Reply:
        """One hop: with authorization at home; elsewhere with `headers` alone, which hold Accept and Range only."""
        if hop.is_home:
            return self._authorized(hop.url, headers)
        return self._transport.request("GET", hop.url, headers, is_public=hop.is_public)

    def follow(self, hop: Hop, reply: Reply, hops: int) -> Hop:
        """Where the redirect `reply` to `hop` leads, the `hops`-th in a row. Raises ReplyError."""
        reply.body.discard()
        seen = Hop(hop.url, hop.is_home, hop.is_public or not reply.is_private)
        return next_hop(seen, reply.headers.all("location"), hops)

    def refused(self, reply: Reply, what: str) -> DockferryError:
        """The error for a `reply` that is not 200; `what` was wanted. The body is read and closed."""
        said = complaint(reply)
        where = self.endpoint.name
        error = refusal(reply.status, reply.headers, said, time.time(), what=what, where=where)
        if reply.status == 400 and self.endpoint.scheme == "http":
            error.remedy = Message("if this registry has TLS, give -r https://{}, or --ca-cert FILE", where)
        return error

    def _authorized(self, url: str, headers: Mapping[str, str]) -> Reply:
        """The same request again after a 401, as often as the authorizer finds it worth while."""
        for _ in range(_MOST_REQUESTS):
            sent = self._authorizer.header()
            fields: Dict[str, str] = {**headers, "Authorization": sent} if sent else dict(headers)
            reply = self._transport.request("GET", url, fields)
            if reply.status != 401:
                break
            challenges = reply.headers.all("www-authenticate")
            reply.body.discard()
            self._authorizer.challenged(challenges or self._root_challenges(), sent)
        return reply

    def _root_challenges(self) -> Tuple[str, ...]:
        """A 401 that names no scheme: the API's root says which one is meant."""
        reply = self._transport.request("GET", self.endpoint.base_url(), {})
        reply.body.discard()
        return reply.headers.all("www-authenticate")


def complaint(reply: Reply) -> Complaint:
    """What the body of an error reply says, as far as it can be read. The body is closed."""
    try:
        body = reply.body.read(MAX_ERROR_BODY, _COMPLAINT_TIME)
    except BodyError:
        body = b""
    reply.body.discard()
    return Complaint.parse(body)


def exchange_over(transport: Transport, request: TokenRequest) -> TokenReply:
    """Ask a token server: no redirect is followed; 64 KiB are read, and a byte that shows if there are more."""
    reply = transport.request(request.method, request.url, dict(request.headers), request.body)
    try:
        body = reply.body.read(MAX_ERROR_BODY + 1)
    finally:
        reply.body.close()
    return TokenReply(reply.status, body, retry_after(reply.headers, time.time()))
