"""Guard: whether a request is meant for this server, by its Host and Origin. Pure.

Strategy: a page in a browser can ask whatever the browser's machine can reach. A name of the page's own that leads to
a loopback address (DNS rebinding) shows in Host, a page from elsewhere in Origin. Programs send no Origin, and name a
server on loopback by a loopback name.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Sequence

from .routes import Refusal

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/?#@,\\]+)(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(r"https?://(.+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where the server listens: an IP address without brackets, and a port."""

    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.address.partition("%")[0]).is_loopback


def check(place: Place, hosts: Sequence[str], origins: Sequence[str], *, is_host_optional: bool = False) -> None:
    """Pass a request with these Host and Origin headers. Raises Refusal: 400, 421 (Host) or 403 (Origin).

    A server on loopback is asked by a loopback name, any other by whatever name; the port may be a tunnel's. An
    Origin is the server's own when it is that of the Host, over http or, behind something that adds TLS, https.
    `is_host_optional`: the request is of an HTTP before 1.1.
    """
    if len(hosts) > 1 or not (hosts or is_host_optional):
        raise Refusal(400, "UNSUPPORTED", f"wanted one Host header, got {len(hosts)}")
    host = hosts[0].strip() if hosts else ""
    match = _HOST.fullmatch(host)
    if hosts and match is None:
        raise Refusal(400, "UNSUPPORTED", "wanted a Host header of name and port")
    if match is not None and place.is_loopback and not _is_loopback(match.group(1)):
        raise Refusal(421, "DENIED", f"this server is localhost:{place.port}, and is asked by no other name")
    for origin in origins:
        same = _ORIGIN.fullmatch(origin.strip())
        if not host or same is None or same.group(1).lower() != host.lower():
            raise Refusal(403, "DENIED", "this server answers no pages of other origins")


def _is_loopback(name: str) -> bool:
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
