"""SOCKS: our connections through a SOCKS proxy; apart, because it imports PySocks."""

from __future__ import annotations

from typing import Any

from urllib3.contrib.socks import SOCKSConnection, SOCKSHTTPSConnection

from .connections import PlainPool, QuietTLSPool, Watched


class _ThroughSocks(Watched, SOCKSConnection):
    def _reach(self) -> Any:
        """The proxy dials: neither the address nor the moment of connecting is in sight."""
        return SOCKSConnection._new_conn(self)


class SocksPlainConnection(_ThroughSocks):
    pass


class SocksTLSConnection(_ThroughSocks, SOCKSHTTPSConnection):
    pass


class SocksPlainPool(PlainPool):
    ConnectionCls = SocksPlainConnection


class SocksTLSPool(QuietTLSPool):
    ConnectionCls = SocksTLSConnection
