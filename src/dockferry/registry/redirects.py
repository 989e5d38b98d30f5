"""Redirects: where a Location may lead, and what may be taken along: pure.

A redirect is followed by hand, at most MAX_HOPS in a row, to http and https only, never from https to http. A request
that leaves its origin (scheme, host and port) loses everything but Accept and Range, for good. A public host may not
point to a private address; a private one may, as a registry with its own object store does.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence, Tuple
from urllib.parse import urldefrag, urljoin, urlsplit

from ..errors import RedirectError
from ..message import Message
from ..text import host_of, redact_url
from .addresses import is_private

MAX_HOPS = 5
_MAX_URL = 16384
_PORTS = {"http": 80, "https": 443}


class Hop(NamedTuple):
    """The next request: `is_home` if it goes to the origin that the chain began at and has never left.

    `is_public`: its host may not resolve to a private address.
    """

    url: str
    is_home: bool
    is_public: bool


def next_hop(hop: Hop, locations: Sequence[str], hops: int) -> Hop:
    """Follow a redirect, the `hops`-th in a row (from 1), that answered `hop`. Raises RedirectError."""
    where = host_of(hop.url)
    if hops > MAX_HOPS:
        raise RedirectError("{}: wanted at most {} redirects in a row, got another", where, MAX_HOPS)
    if len(locations) != 1:
        got = len(locations) or Message("none")
        raise RedirectError("{}: wanted one Location in the redirect, got {}", where, got)
    url = resolve(hop.url, locations[0])
    if urlsplit(hop.url).scheme == "https" and urlsplit(url).scheme != "https":
        raise RedirectError("{}: redirects from https to http, to {}: not followed", where, redact_url(url))
    if hop.is_public and is_private(urlsplit(url).hostname or ""):
        raise private_target(where, url)
    return Hop(url, hop.is_home and origin_of(url) == origin_of(hop.url), hop.is_public)


def resolve(base: str, reference: str) -> str:
    """The absolute http(s) URL of `reference` seen from `base`, without fragment. Raises RedirectError."""
    where = host_of(base)
    if len(reference) > _MAX_URL or not reference or re.search(r"[^\x21-\x7e]", reference):
        raise RedirectError("{}: wanted a URL to go on at, got something that is none", where)
    try:
        url = urldefrag(urljoin(base, reference)).url
        parts = urlsplit(url)
        origin_of(url)
    except (ValueError, KeyError):
        raise RedirectError(
            "{}: wanted an http or https URL to go on, got {}", where, redact_url(reference)
        ) from None
    if not parts.hostname or "@" in parts.netloc or "\\" in parts.netloc:
        raise RedirectError("{}: wanted a URL with a host and without a login, got {}", where, redact_url(url))
    return url


def origin_of(url: str) -> Tuple[str, str, int]:
    """Scheme, host and port. Raises KeyError for other schemes than http and https, ValueError for a bad port."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip("."), parts.port or _PORTS[scheme]


def private_target(where: str, url: str) -> RedirectError:
    """The error for a redirect into a private network."""
    return RedirectError(
        "{}: a public host redirects to a private address, {}: not followed",
        where,
        redact_url(url),
        remedy="ask another mirror",
    )
