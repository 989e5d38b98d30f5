"""Addresses: which are public, so that a public registry cannot point into a private network."""

from __future__ import annotations

import ipaddress
from typing import Optional, Union

_IP = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# Benchmarking addresses (RFC 2544), which no private service has: tunnels hand them out for public names.
_TUNNELS = ipaddress.IPv4Network("198.18.0.0/15")


def parse_address(host: str) -> Optional[_IP]:
    """`host` as an address, with or without brackets and zone; None for a name."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """True for `localhost`, 127.0.0.0/8 and ::1, as written: no name is resolved."""
    address = parse_address(host)
    return host.lower().rstrip(".") == "localhost" if address is None else _unmapped(address).is_loopback


def is_private(host: str) -> bool:
    """True for `localhost` and for addresses that the public Internet does not route; False for other names."""
    address = parse_address(host)
    if address is None:
        return is_loopback(host)
    address = _unmapped(address)
    if address.version == 4 and address in _TUNNELS:
        return False
    return not address.is_global or address.is_multicast


def _unmapped(address: _IP) -> _IP:
    """An IPv4 address that is written as IPv6 is judged as what it is."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
