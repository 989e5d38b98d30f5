"""Access: how hosts are reached: login, trust, proxy and patience, as the user gave them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Tuple


@dataclass(frozen=True)
class Access:
    """One frozen value for a whole run. Times are seconds.

    `username` and `password` are for one host: the image's own registry, or the first of the mirrors. `ca_cert` is a
    PEM file that is trusted besides the system's authorities. `insecure` leaves the registry's certificate unchecked,
    never that of a host it redirects to. `plain_http` lets a registry that is named without a scheme speak HTTP.
    `proxy` is a URL (http, https, socks4, socks4a, socks5, socks5h), None for what the environment says.
    `token_hosts` (names without port) may get a registry's login where the registry names them as its token server.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    ca_cert: Optional[str] = None
    insecure: bool = False
    plain_http: bool = False
    proxy: Optional[str] = field(default=None, repr=False)
    token_hosts: Tuple[str, ...] = ()
    connect_timeout: float = 10.0
    """For one TCP connection, and for its TLS handshake."""
    first_byte_timeout: float = 120.0
    """Until an answer begins: a pull-through cache fetches from its upstream first."""
    idle_timeout: float = 30.0
    """How long a body may stay silent."""
