"""Realm: which token server a registry may name, and whether a secret may go there.

The realm of a challenge is a URL that came over the network. It must be https, or http where the registry itself
is; a secret goes only to the registry's own host, to a host of the same registrable domain, or to one that is pinned,
here or by the user (CVE-2026-48978, CVE-2026-33540). Ports are not compared: a token service beside the registry is
another port of the same host.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Collection
from urllib.parse import urlsplit

from ..errors import AuthError, UsageError
from ..message import Message
from ..oci.reference import parse_host
from ..text import clean, redact_url

_MAX_REALM = 2048
_TO_OTHERS = Message("tell who runs this registry, or try another mirror with -r")
_URL = re.compile(r"https?://[!$-;=?-\[\]_a-z~]+", re.ASCII | re.IGNORECASE)

# Registries whose token service stands at another name, as they themselves say in their challenges:
# the registry, the realm's host.
_PINNED = (
    (re.compile(r"(?:.+\.)?docker\.io"), re.compile(r"auth\.docker\.io")),
    (
        re.compile(r".+\.aliyuncs\.com"),
        re.compile(r"dockerauth(?:\.(?:cn|ap|us|eu|me|na)-[a-z0-9-]+)?\.aliyuncs\.com"),
    ),
    (re.compile(r".+\.scw\.cloud"), re.compile(r"api\.scaleway\.com")),
)

# Under these, neighbouring names belong to different people: only the registry's own name will do.
_SHARED_HOSTING = re.compile(
    r"(?:.+\.)?(?:aliyuncs\.com|amazonaws\.com(?:\.cn)?|appspot\.com|azurecr\.(?:cn|io|us)|azurewebsites\.net"
    r"|cloudfront\.net|docker\.io|duckdns\.org|fly\.dev|github\.io|herokuapp\.com|jfrog\.io|myhuaweicloud\.com"
    r"|netlify\.app|ngrok\.(?:app|io)|onrender\.com|pages\.dev|pkg\.dev|run\.app|scw\.cloud|trycloudflare\.com"
    r"|vercel\.app|workers\.dev)"
)

# Second levels under which countries sell names: com.cn, co.uk, and China's provinces (bj.cn).
_COUNTRY_SUFFIX = re.compile(
    r"(?:ac|co|com|edu|gen|go|gob|gov|gv|id|ltd|mil|ne|net|nom|or|org|plc|sch|web)\.[a-z]{2}|[a-z]{2}\.cn"
)


def check_realm(realm: str, registry_scheme: str) -> str:
    """The realm's host, without port. Raises AuthError unless `realm` may be asked for a token at all."""
    shown = clean(redact_url(realm) if _URL.fullmatch(realm) else repr(realm), 120)
    try:
        parts = urlsplit(realm)
        host = hostname(parse_host(parts.netloc))
    except (ValueError, UsageError):
        parts, host = urlsplit(""), ""
    if not host or len(realm) > _MAX_REALM or not _URL.fullmatch(realm):
        raise AuthError("wanted a token server's URL in the registry's challenge, got {}", shown, remedy=_TO_OTHERS)
    if parts.scheme != "https" and registry_scheme != "http":
        raise AuthError("wanted an https token server, as the registry is https, got {}", shown, remedy=_TO_OTHERS)
    return host


def parse_token_host(text: str) -> str:
    """A host that the user pins: a name or an address without port, lower-case. Raises UsageError."""
    try:
        host = parse_host(text)
    except UsageError:
        host = ""
    if not host or host != hostname(host):
        raise UsageError(
            "token host {}: wanted a host's name alone",
            clean(repr(text), 120),
            remedy="leave out scheme, port and path: auth.example",
        )
    return host


def is_trusted(realm_host: str, registry: str, pinned: Collection[str] = ()) -> bool:
    """Whether a secret of `registry` (`host[:port]`) may go to `realm_host`.

    `realm_host` and the user's `pinned` hosts are without port; all are lower-case.
    """
    own = hostname(registry)
    if own == realm_host or realm_host in pinned:
        return True
    if any(ours.fullmatch(own) and theirs.fullmatch(realm_host) for ours, theirs in _PINNED):
        return True
    domain = _registrable_domain(own)
    return domain != "" and domain == _registrable_domain(realm_host)


def hostname(host: str) -> str:
    """`host[:port]` without its port."""
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def _registrable_domain(host: str) -> str:
    """The part of `host` that one party has registered; empty where only equality can tell."""
    labels = host.split(".")
    if host.startswith("[") or _is_ip(host) or _SHARED_HOSTING.fullmatch(host):
        return ""
    size = 3 if _COUNTRY_SUFFIX.fullmatch(".".join(labels[-2:])) else 2
    return ".".join(labels[-size:]) if len(labels) >= size else ""


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # What no resolver takes for a name: 127.1, 0x7f000001, 2130706433.
        return bool(re.fullmatch(r"(?:0x[0-9a-f]*|[0-9]+)", host.rpartition(".")[2], re.ASCII))
    return True
