"""Connections: urllib3's, dialled by `Lines`, so that any thread can end a wait, and pools of them."""

from __future__ import annotations

import ssl
import time
from typing import Any, Optional

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import InvalidHeader, ProtocolError

from ..message import Message
from .addresses import is_private
from .ahead import Ahead
from .answer import Answer
from .lines import Lines, abandon

FAR = 0.02
"""Seconds: where an answer took longer to begin, connections are worth opening before they are needed."""
FRESH = 0.0
"""As a pool's `timeout` for a connection: none that was there before."""
_SOON = 1.0
"""Seconds: a connection that had been closed while it was kept says so within a round trip."""


class StaleConnection(ProtocolError):
    """The far end had closed a kept connection: nothing was answered, and asking anew is no retry."""


class Watched(HTTPConnection):
    """Mixed into urllib3's connections.

    `live` is the socket that bytes come from, still there when urllib3 has let go of it because the reply is the
    connection's last. `is_private_peer` says where it leads, as far as can be seen: not behind a proxy. `is_kept`:
    it has waited for its next request, and the far end may have closed it meanwhile. `answer_time` is the shortest in
    seconds from a request to the head of its answer.
    """

    response_class = Answer

    def __init__(self, *args: Any, lines: Lines, is_public: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.live: Any = None
        self.is_private_peer = False
        self._lines = lines
        self._is_public = is_public
        self.is_kept = False
        self.answer_time = float("inf")
        self._dialled: Any = None
        self._twin: Any = None

    def _new_conn(self) -> Any:
        sock = self._dialled = self._reach()
        try:
            self._twin = self._lines.twin(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    def _reach(self) -> Any:
        """A socket to the host, or to the proxy: whose address is no redirect's affair."""
        is_public = self._is_public and self.proxy is None
        timeout: Any = self.timeout
        proxy = None if self.proxy is None else self.proxy.url
        sock = self._lines.dial(
            self._dns_host, self.port, timeout, self.socket_options, is_public=is_public, proxy=proxy
        )
        try:
            self.is_private_peer = self.proxy is None and is_private(str(sock.getpeername()[0]))
        except OSError:  # the far end has reset it already, or this transport is being stopped
            sock.close()
            raise
        return sock

    def connect(self) -> None:
        self.is_kept = False
        self._dialled = None
        try:
            super().connect()
        except BaseException:
            if self._dialled is not None:  # a proxy's refusal holds it, with urllib3 2.0 on an older Python
                abandon(self._dialled)
            raise
        finally:
            if self._twin is not None:
                self._twin.close()
        self.live = self.sock
        self._lines.add(self.live)

    def getresponse(self) -> Any:
        self._lines.waits(self.live)
        asked = time.monotonic()
        try:
            reply = super().getresponse()
        except ConnectionError as error:
            if self.is_kept and time.monotonic() - asked < _SOON:
                raise StaleConnection(Message("closed while it was kept")) from error
            raise
        except InvalidHeader:  # raised when the reply holds the socket already, and is lost
            abandon(self.live)
            raise
        self.is_kept = True
        self.answer_time = min(self.answer_time, time.monotonic() - asked)
        return reply


class PlainConnection(Watched):
    pass


class TLSConnection(Watched, HTTPSConnection):
    @property
    def is_connected(self) -> bool:
        """Whether it can be asked something. The session tickets that the far end sends by itself after the handshake
        (TLS 1.3; RFC 8446, 4.6.1) do not mean that it has closed; urllib3 takes them for that.
        """
        return super().is_connected or (self.sock is not None and _has_nothing_to_say(self.sock))

    def _connect_tls_proxy(self, hostname: str, sock: Any) -> Any:
        """By its own context: urllib3 2.0 to 2.2 asks as little of it as `--insecure` does of the registry."""
        config: Any = self.proxy_config
        of_origin, self.cert_reqs = self.cert_reqs, config.ssl_context.verify_mode
        try:
            return super()._connect_tls_proxy(hostname, sock)
        finally:
            self.cert_reqs = of_origin


def _has_nothing_to_say(sock: Any) -> bool:
    """Whether what has come is TLS's own affair, which a look takes in."""
    timeout = sock.gettimeout()
    sock.settimeout(0.0)
    try:
        sock.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    finally:
        sock.settimeout(timeout)
    return False


class Pool(urllib3.HTTPConnectionPool):
    """Mixed into urllib3's pools: what is opened ahead serves before a new connection is made."""

    def __init__(self, *args: Any, lines: Lines, **kwargs: Any) -> None:
        super().__init__(*args, lines=lines, **kwargs)
        self.ahead = Ahead(lines)

    def open_ahead(self, count: int, timeout: float) -> None:
        """Begin to open connections, `count` in all, each within `timeout` seconds.

        None where the host is near, or does not keep the connection that it has answered on.
        """
        kept: Any = self._get_conn()
        self._put_conn(kept)
        if kept.is_closed or kept.answer_time < FAR:
            return
        self.ahead.dial([self._make_conn(timeout) for _ in range(count - 1)])

    def _make_conn(self, timeout: float) -> Any:
        made: Any = super()._new_conn()
        made.timeout = timeout
        return made

    def _new_conn(self) -> Any:
        return self.ahead.maybe_take() or super()._new_conn()

    def _get_conn(self, timeout: Optional[float] = None) -> Any:
        return super()._new_conn() if timeout == FRESH else super()._get_conn(timeout)

    def _put_conn(self, conn: Any) -> None:
        """After a failure urllib3 puts None on top, which would hide the connections that are kept."""
        if conn is not None:
            super()._put_conn(conn)


class PlainPool(Pool):
    ConnectionCls: Any = PlainConnection


class QuietTLSPool(Pool, urllib3.HTTPSConnectionPool):
    """Does not warn of an unchecked certificate at each request: the command line says so once."""

    ConnectionCls: Any = TLSConnection

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()
