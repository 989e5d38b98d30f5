"""Proxies: which proxy a URL is reached through, by the user's word or the environment's: pure.

An explicit proxy and those of the environment (`https_proxy`, `http_proxy`, `all_proxy`, lower case before upper) are
left out for what `no_proxy` lists: `*`, hosts, domains (`example.org` and `.example.org` both cover subdomains),
addresses, CIDR ranges, each with or without a port. This machine itself is reached through an explicit proxy only.
"""

from __future__ import annotations

import ipaddress
from typing import Mapping, Optional
from urllib.parse import urlsplit

from ..errors import UsageError
from ..text import redact_url
from .addresses import is_loopback, parse_address
from .redirects import origin_of

SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def proxy_for(url: str, explicit: Optional[str], environment: Mapping[str, str]) -> Optional[str]:
    """The proxy's URL, or None for a direct connection. Raises UsageError for a proxy that cannot be meant."""
    scheme, host, port = origin_of(url)
    if _is_excepted(host, port, _setting("no_proxy", environment)):
        return None
    if explicit is not None:
        return _checked(explicit) if explicit else None
    if is_loopback(host):
        return None
    found = _setting(f"{scheme}_proxy", environment) or _setting("all_proxy", environment)
    return _checked(found) if found else None


def _setting(name: str, environment: Mapping[str, str]) -> str:
    """A CGI server puts a request's Proxy header into HTTP_PROXY: there only the lower-case name counts."""
    value = environment.get(name, "")
    if not value and not (name == "http_proxy" and "REQUEST_METHOD" in environment):
        value = environment.get(name.upper(), "")
    return value.strip()


def _is_excepted(host: str, port: int, exceptions: str) -> bool:
    return any(_covers(entry.strip().lower(), host, port) for entry in exceptions.split(",") if entry.strip())


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, colon, only = entry.rpartition(":")
    if colon and only.isdigit() and (":" not in name or name.endswith("]")):
        if int(only) != port:
            return False
        entry = name
    address = parse_address(host)
    if address is not None:
        try:
            return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
        except ValueError:
            return False
    domain = (entry[1:] if entry.startswith("*.") else entry).lstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _checked(proxy: str) -> str:
    text = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(text)
        if parts.scheme.lower() in SCHEMES and parts.hostname and (parts.port is None or parts.port):
            return text
    except ValueError:
        pass
    raise UsageError(
        "proxy {}: wanted SCHEME://HOST:PORT, the scheme one of {}",
        redact_url(text),
        ", ".join(SCHEMES),
        remedy="write it like http://proxy.example:3128",
    )
