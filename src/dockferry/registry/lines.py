"""Lines: the sockets of one transport: how they are dialled, and how another thread wakes who waits on one."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from typing import Any, Iterator, List, Optional, Set, Tuple, Type

from ..errors import ConnectError, DockferryError, UnknownHostError
from ..message import Message
from ..text import clean, redact_url
from .addresses import is_private
from .redirects import private_target

_LEAST_PATIENCE = 2.0
"""Seconds that each of a name's addresses is given at least."""
STOPPED = Message("stopped: no request is made any more")
PROXY_REMEDY = Message("check --proxy and HTTPS_PROXY")
GIVEN_UP = Message("given up: this answer is not waited for any more")


class Call:
    """One thread's requests until an answer has come, which any other thread can end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        """A socket that is in other hands again is not shut down."""
        self._sock: Any = None
        self._is_aborted = False

    def abort(self) -> None:
        """From any thread, at any time: who waits comes back at once, with NetworkError. Nothing after `end`."""
        with self._lock:
            self._is_aborted = True
            if self._sock is not None:
                hang_up(self._sock)

    def uses(self, sock: Any) -> None:
        """From now on `sock` is what is waited for. Raises ConnectError after `abort`."""
        with self._lock:
            if self._is_aborted:
                raise ConnectError(GIVEN_UP)
            self._sock = sock

    def end(self) -> None:
        with self._lock:
            self._sock = None


class Lines:
    """All live sockets, so that one call can shut them down; used by all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = threading.local()
        self._live: weakref.WeakSet[Any] = weakref.WeakSet()
        self._failed: Set[Any] = set()
        self.is_stopped = False

    def add(self, sock: Any) -> None:
        """Watch `sock` as long as someone holds it. Raises ConnectError after `stop`."""
        with self._lock:
            if self.is_stopped:
                raise ConnectError(STOPPED)
            self._live.add(sock)
        self.waits(sock)

    @contextlib.contextmanager
    def call(self) -> Iterator[Call]:
        """What this thread waits for within the `with` can be ended by the call's `abort`."""
        call = self._calls.now = Call()
        try:
            yield call
        finally:
            self._calls.now = None
            call.end()

    def waits(self, sock: Any) -> None:
        """This thread is about to wait for something from `sock`. Raises ConnectError if its call was aborted."""
        call: Optional[Call] = getattr(self._calls, "now", None)
        if call is not None:
            call.uses(sock)

    def stop(self) -> None:
        """Shut everything down, for good: who waits on a socket wakes with an error."""
        with self._lock:
            self.is_stopped = True
            live = list(self._live)
        for sock in live:
            hang_up(sock)

    def twin(self, sock: socket.socket) -> socket.socket:
        """A watched second handle on `sock`, for the caller to close.

        While the socket changes hands: TLS takes the descriptor away from the object that was dialled.
        """
        twin = sock.dup()
        try:
            self.add(twin)
        except BaseException:
            twin.close()
            raise
        return twin

    def dial(
        self, host: str, port: int, timeout: float, options: Any, *, is_public: bool, proxy: Optional[str] = None
    ) -> socket.socket:
        """A connected socket, `timeout` set on it. With `is_public` a private address is not connected to. `proxy`:
        the URL of the proxy that this host is.

        The name is resolved once, and what was looked at is what is connected to. An address that failed is
        tried last from then on. Raises ConnectError; ReplyError for a private address.
        """
        addresses = self._resolve(host, port, proxy)
        if is_public:
            addresses = [one for one in addresses if not is_private(str(one[4][0]))]
            if not addresses:
                raise private_target("redirect", f"//{host}:{port}")
        deadline = time.monotonic() + timeout
        failure: DockferryError = ConnectError("{}:{}: no address to connect to", host, port)
        for place, (family, kind, protocol, _, address) in enumerate(addresses):
            left = deadline - time.monotonic()
            if place and left <= 0:
                break
            patience = min(timeout, max(_LEAST_PATIENCE, left / (len(addresses) - place)))
            sock = socket.socket(family, kind, protocol)
            try:
                self._connect(sock, address, patience, options)
            except OSError as error:
                sock.close()
                self._failed.add(address)
                failure = connect_failure(host, port, patience, error, proxy)
            except BaseException:
                sock.close()
                raise
            else:
                self._failed.discard(address)
                sock.settimeout(timeout)
                return sock
        raise failure

    def _connect(self, sock: socket.socket, address: Any, patience: float, options: Any) -> None:
        for option in options or ():
            sock.setsockopt(*option)
        sock.settimeout(patience)
        with contextlib.closing(self.twin(sock)):
            sock.connect(address)

    def _resolve(self, host: str, port: int, proxy: Optional[str]) -> List[Tuple[Any, ...]]:
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise unresolved(host, error, proxy) from None
        return sorted(found, key=lambda one: one[4] in self._failed)


def hang_up(sock: Any) -> None:
    """Shut `sock` down from any thread: a receive that waits on it comes back at once.

    By the plain socket's method: that of an SSL socket would leave it reading the bytes undeciphered.
    """
    plain = getattr(sock, "socket", sock)  # TLS inside TLS: urllib3's SSLTransport holds the socket
    with contextlib.suppress(OSError):
        socket.socket.shutdown(plain, socket.SHUT_RDWR)


def abandon(sock: Any) -> None:
    """Close `sock` though a reader that nobody can reach holds it."""
    with contextlib.suppress(OSError):
        socket.close(getattr(sock, "socket", sock).detach())


def unresolved(host: str, error: Exception, proxy: Optional[str] = None) -> ConnectError:
    """The error for a name without addresses: of a registry, or of the proxy that has the URL `proxy`."""
    said = Message(clean(getattr(error, "strerror", None) or str(error), 100))
    kind = ConnectError if getattr(error, "errno", None) == socket.EAI_AGAIN else UnknownHostError
    reason = Message("the name does not resolve: {}", said)
    if proxy is not None:
        return proxy_failure(proxy, reason, kind)
    return kind(
        Message("{}: {}", clean(host, 100), reason),
        reason=reason,
        remedy=UnknownHostError.usual,
    )


def connect_failure(
    host: str, port: int, patience: float, error: OSError, proxy: Optional[str] = None
) -> ConnectError:
    """The error for an address that does not answer, or answers no: a host's, or that of the proxy of this URL."""
    if isinstance(error, socket.timeout):
        got = Message("no connection within {:.3g} s", patience)
    else:
        got = Message(clean(error.strerror or str(error), 100).lower())
    if proxy is not None:
        return proxy_failure(proxy, got)
    return ConnectError("{}:{}: {}", clean(host, 100), port, got, reason=got)


def proxy_failure(proxy: str, reason: str, kind: Type[ConnectError] = ConnectError) -> ConnectError:
    """The error for a proxy that cannot be used: it is named, and not what was wanted through it."""
    named = Message("proxy {}: {}", redact_url(proxy), reason)
    return kind(named, remedy=PROXY_REMEDY, reason=named)
