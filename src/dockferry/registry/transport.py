"""Transport: one request and its reply over urllib3's pools, with nothing done behind the caller's back.

No redirects are followed, nothing is retried, decoded, or kept as a cookie; `.netrc` is not read. TLS goes unchecked
only to the one origin that `--insecure` is about, and never to a proxy.
"""

from __future__ import annotations

import functools
import http.client
import os
import ssl
import threading
from typing import Any, ContextManager, Dict, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import unquote, urlsplit

import urllib3

from .._version import __version__
from ..choices import MAX_THREADS
from ..errors import ConnectError, DockferryError, NetworkError
from ..text import host_of
from .access import Access
from .addresses import is_private
from .ahead import Ahead
from .body import Body
from .connections import FRESH, PlainPool, QuietTLSPool, StaleConnection
from .failures import NO_TLS, NO_TLS_ELSEWHERE, NO_TLS_WRITTEN, explain, proxy_login
from .headers import Headers, content_length
from .lines import STOPPED, Call, Lines
from .proxies import proxy_for
from .redirects import origin_of
from .tls import trusting_context, unchecked_context

USER_AGENT = f"dockferry/{__version__}"
_HOSTS = 32


class Reply(NamedTuple):
    """`is_private` says if the host that answered is in a private network, as far as can be seen."""

    url: str
    status: int
    headers: Headers
    body: Body
    is_private: bool


class Transport:
    """The connections of one registry client; used by all threads.

    `home` is the registry's own origin (`scheme://host[:port]`); `is_written`: with its scheme, by the user.
    """

    def __init__(self, access: Access, home: str, *, is_written: bool = False) -> None:
        self._access = access
        self._home = origin_of(home)
        self._is_written = is_written
        self._has_answered = False
        """The registry has, to anything: what goes wrong after that may pass."""
        self._lines = Lines()
        self._ahead: List[Ahead] = []
        self._lock = threading.Lock()
        self._managers: Dict[Tuple[Optional[str], bool, bool, bool], urllib3.PoolManager] = {}

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Optional[bytes] = None,
        *,
        is_public: bool = False,
    ) -> Reply:
        """The reply, its body unread: the caller closes it. With `is_public` no private address is connected to.

        Raises NetworkError for everything that is no HTTP reply, AuthError where a proxy wants a login.
        """
        fields = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
        try:
            return self._once(method, url, fields, body, is_public)
        except StaleConnection as error:
            if method != "GET":  # may have been carried out: not to be repeated unasked (RFC 9110, 9.2.2)
                raise self._explained(error, url) from None
        return self._once(method, url, fields, body, is_public, FRESH)

    def call(self) -> ContextManager[Call]:
        """What this thread asks for within the `with` can be ended by the call's `abort`, and nothing else."""
        return self._lines.call()

    def open_ahead(self, url: str, count: int) -> None:
        """Begin to open connections to the host of `url`, `count` in all, where that is far away.

        Not through a proxy. Requests take them in place of new ones.
        """
        if proxy_for(url, self._access.proxy, os.environ) is None:
            pool: Any = self._manager(url, is_public=False).connection_from_url(url)
            self._ahead.append(pool.ahead)
            pool.open_ahead(count, self._access.connect_timeout)

    def abort(self) -> None:
        """From any thread, for good: who waits on any connection comes back at once, with NetworkError."""
        self._lines.stop()

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            managers = list(self._managers.values())
            self._managers.clear()
        for ahead in self._ahead:
            ahead.close()
        for manager in managers:
            manager.clear()

    def _once(
        self,
        method: str,
        url: str,
        fields: Mapping[str, str],
        body: Optional[bytes],
        is_public: bool,
        pool_timeout: Optional[float] = None,
    ) -> Reply:
        access = self._access
        if self._lines.is_stopped:
            raise ConnectError(STOPPED)
        self._lines.waits(None)
        try:
            raw = self._manager(url, is_public).urlopen(
                method,
                url,
                headers=fields,
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=access.connect_timeout, read=access.first_byte_timeout),
                pool_timeout=pool_timeout,
            )
        except StaleConnection:
            raise
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            if self._lines.is_stopped:
                raise ConnectError(STOPPED) from None
            raise self._explained(error, url) from None
        self._has_answered = self._has_answered or origin_of(url) == self._home
        proxy = proxy_for(url, access.proxy, os.environ) if raw.status == 407 else None
        if proxy is not None:
            raw.close()
            raise proxy_login(proxy)
        return self._reply(raw, url)

    def _explained(self, error: BaseException, url: str) -> DockferryError:
        origin = origin_of(url)
        no_tls = NO_TLS_WRITTEN if self._is_written else NO_TLS
        return explain(
            error,
            url,
            self._access.first_byte_timeout,
            proxy_for(url, self._access.proxy, os.environ),
            is_first=origin == self._home and not self._has_answered,
            no_tls=no_tls if origin == self._home else NO_TLS_ELSEWHERE,
        )

    def _reply(self, raw: Any, url: str) -> Reply:
        headers = Headers(raw.headers.iteritems())
        try:
            length = 0 if raw.status in (204, 304) else content_length(headers, host_of(url))
        except NetworkError:
            raw.close()
            raise
        connection = raw.connection

        def done(reusable: bool) -> None:
            if reusable:
                raw._fp.close()
                raw.release_conn()
            else:
                raw.close()

        body = Body(raw._fp, connection.live, length, self._access.idle_timeout, host_of(url), done)
        peer_is_private = connection.is_private_peer or is_private(urlsplit(url).hostname or "")
        return Reply(url, raw.status, headers, body, peer_is_private)

    def _manager(self, url: str, is_public: bool) -> urllib3.PoolManager:
        access = self._access
        proxy = proxy_for(url, access.proxy, os.environ)
        has_tls = any(_is_https(one) for one in (url, proxy or ""))
        unchecked = access.insecure and _is_https(url) and origin_of(url) == self._home
        key = (proxy, unchecked, is_public, has_tls)
        with self._lock:
            manager = self._managers.get(key)
            if manager is None:
                manager = self._managers[key] = self._make(*key)
            return manager

    def _make(self, proxy: Optional[str], unchecked: bool, is_public: bool, has_tls: bool) -> urllib3.PoolManager:
        context: Optional[ssl.SSLContext] = None
        if has_tls:  # a context costs more time than many a whole run
            context = unchecked_context() if unchecked else trusting_context(self._access.ca_cert)
        options: Dict[str, Any] = {"num_pools": _HOSTS, "maxsize": MAX_THREADS, "ssl_context": context}
        pools: Tuple[Any, Any] = (PlainPool, QuietTLSPool)
        manager: urllib3.PoolManager
        if proxy is None:
            manager = urllib3.PoolManager(**options)
        elif proxy.lower().startswith("socks"):
            from urllib3.contrib.socks import SOCKSProxyManager

            from .socks import SocksPlainPool, SocksTLSPool

            pools = (SocksPlainPool, SocksTLSPool)
            username, password = _login(proxy)
            manager = SOCKSProxyManager(proxy, username, password, **options)
        else:
            username, password = _login(proxy)
            login = urllib3.make_headers(proxy_basic_auth=f"{username}:{password or ''}") if username else {}
            to_proxy = trusting_context(self._access.ca_cert) if _is_https(proxy) else None
            manager = urllib3.ProxyManager(proxy, proxy_headers=login, proxy_ssl_context=to_proxy, **options)
        ours = [functools.partial(pool, lines=self._lines, is_public=is_public) for pool in pools]
        classes: Any = dict(zip(("http", "https"), ours))
        manager.pool_classes_by_scheme = classes
        return manager


def _is_https(url: str) -> bool:
    return url.lower().startswith("https:")


def _login(proxy: str) -> Tuple[Optional[str], Optional[str]]:
    """User and password in the proxy's URL, where there are any."""
    parts = urlsplit(proxy)
    username, password = parts.username, parts.password
    return username and unquote(username), password and unquote(password)
