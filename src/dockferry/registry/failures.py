"""Failures: what urllib3, ssl and the standard library raise, told in our words: pure.

Their own messages may hold a signed URL or a proxy's password, so nothing of them is shown but the reason.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any, Iterator, List, Optional

from urllib3 import exceptions as theirs
from urllib3.util.ssl_match_hostname import CertificateError as NameMismatch

from ..errors import AuthError, BodyError, CertificateError, ConnectError, DockferryError, ReplyError
from ..message import Message
from ..text import host_of, redact, redact_url
from .lines import proxy_failure
from .realm import hostname

_EXPIRED, _NOT_YET = 10, 9
_OTHER_NAMES = (62, 63, 64)
"""OpenSSL's codes (X509_V_ERR_...): a name, a mail address or an IP address that is not the certificate's."""
NO_TLS = Message("a registry without TLS needs --plain-http")
NO_TLS_WRITTEN = Message("where the registry has no TLS, write http:// in place of https://")
NO_TLS_ELSEWHERE = Message("the registry names this host: run the same command again later, or name a mirror with -r")
"""What helps where TLS was wanted, and not spoken: for a host that is named without a scheme, with one, by others."""


def explain(
    error: BaseException,
    url: str,
    patience: float,
    proxy: Optional[str] = None,
    *,
    is_first: bool = False,
    no_tls: str = NO_TLS,
) -> DockferryError:
    """The error of ours for `error`, met while `url` was asked for, through `proxy` if any.

    `patience` is the timeout for an answer, in seconds. `is_first`: this host has never answered; if it speaks no
    TLS it never will. `no_tls` is the remedy for that.
    """
    asked = host_of(url)
    chain = list(_causes(error))
    verdict = _first(chain, ssl.SSLCertVerificationError, NameMismatch) or _first(chain, ssl.SSLError)
    if _first(chain, theirs.ProxyError):
        return _proxy(chain, verdict, asked, proxy or "")
    if verdict is not None:
        return _tls(verdict, asked, asked, is_first, no_tls)
    is_undialled = _first(chain, theirs.ConnectTimeoutError) is not None  # refused, too
    if proxy is not None and proxy.lower().startswith("socks") and is_undialled:
        return _socks(chain, proxy)
    if _first(chain, theirs.NameResolutionError, socket.gaierror):
        return ConnectError("{}: the name does not resolve", asked)
    if _first(chain, theirs.ConnectTimeoutError):
        return _unreached(asked, Message("no connection in time"))
    if _first(chain, theirs.ReadTimeoutError, socket.timeout):
        return _unreached(asked, Message("no answer within {:.3g} s", patience))
    if _first(chain, theirs.InvalidHeader):
        return BodyError("{}: wanted one Content-Length, got another framing: {}", asked, _reason(chain))
    if _first(chain, http.client.RemoteDisconnected, ConnectionError, theirs.NewConnectionError):
        is_refused = _first(chain, ConnectionRefusedError) is not None
        return _unreached(asked, Message("no answer: {}", _reason(chain)), asks_for_less=is_refused)
    if _first(chain, http.client.HTTPException, theirs.LocationValueError, ValueError):
        return ReplyError(
            "{}: wanted an HTTP answer, got something else: {}",
            asked,
            _reason(chain),
            remedy="check the address and the port, or try another mirror with -r",
        )
    return _unreached(asked, _reason(chain))


def proxy_login(proxy: str) -> AuthError:
    """The error for a 407, whichever way it came."""
    return AuthError(
        "proxy {}: it wants a login (407)",
        redact_url(proxy),
        remedy="give it in the proxy's URL, best through https_proxy: http://USER:PASSWORD@HOST:PORT",
    )


def _unreached(asked: str, reason: Message, asks_for_less: bool = False) -> ConnectError:
    return ConnectError("{}: {}", asked, reason, reason=reason, asks_for_less=asks_for_less)


def _proxy(chain: Any, verdict: Any, asked: str, proxy: str) -> DockferryError:
    """It failed before the proxy had given a way to what was `asked` for; `verdict` is TLS's, if that failed."""
    reason = _reason(chain)
    if " 407 " in f" {reason} ":
        return proxy_login(proxy)
    if verdict is not None and not _is_plain(verdict):
        return _tls(verdict, Message("proxy {}", redact_url(proxy)), host_of(proxy))
    if verdict is not None:
        said = Message("wanted TLS, got something else")
        return ConnectError(
            Message("proxy {}: {}", redact_url(proxy), said), remedy="where the proxy has no TLS, write it as http://"
        )
    if _first(chain, socket.timeout):
        reason = Message("no answer in time")
    elif ":" in reason:  # Tunnel connection failed: 403 Forbidden
        reason = Message(reason.rpartition(": ")[2])
    return proxy_failure(proxy, Message("no connection to {}: {}", asked, reason))


def _socks(chain: Any, proxy: str) -> DockferryError:
    """PySocks tells in its own words what the proxy said, or the system of the proxy."""
    if _first(chain, theirs.NewConnectionError) is None:
        return proxy_failure(proxy, Message("no connection in time"))
    _, mark, said = _reason(chain).rpartition("] ")  # [Errno 111] Connection refused
    if not mark:
        said = _reason(chain).rpartition("connection: ")[2]
    return proxy_failure(proxy, Message(said.lower() if mark else said))


def _tls(error: Any, where: str, host: str, is_first: bool = False, no_tls: str = NO_TLS) -> DockferryError:
    """`where` is said to have failed, and `host` the certificate should have been for."""
    if isinstance(error, NameMismatch) or getattr(error, "verify_code", None) in _OTHER_NAMES:
        return CertificateError(
            "{}: wanted a certificate for {}, got one for another name",
            where,
            hostname(host),
            remedy="check the address; if that is right, only the host's owner can mend it: --ca-cert does not help",
        )
    code = getattr(error, "verify_code", None)
    if code in (_EXPIRED, _NOT_YET):
        return CertificateError(
            "{}: wanted a certificate that is valid today, got one that {}",
            where,
            Message("has expired") if code == _EXPIRED else Message("is not valid yet"),
            remedy="check this machine's date and time; if they are right, the host's owner has to renew it",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(
            "{}: its certificate is not to be trusted: {}",
            where,
            Message(redact(error.verify_message)),
            remedy="give the authority that signed it with --ca-cert FILE",
        )
    if _is_plain(error):
        kind = CertificateError if is_first else ConnectError
        said = Message("wanted TLS, got something else")
        return kind(Message("{}: {}", where, said), remedy=no_tls, reason=said)
    reason = Message("TLS failed: {}", redact(str(error.reason or error)))
    return ConnectError("{}: {}", where, reason, reason=reason)


def _is_plain(error: ssl.SSLError) -> bool:
    """Whether what answered the handshake is no TLS."""
    reason = str(error.reason or error)
    return any(text in reason for text in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, then what it wraps: urllib3 keeps that in its arguments, `original_error`, or the cause."""
    seen: List[BaseException] = []
    todo = [error]
    while todo:
        one = todo.pop(0)
        if any(one is other for other in seen):
            continue
        seen.append(one)
        yield one
        wrapped = [*one.args, getattr(one, "original_error", None), one.__cause__]
        todo += [other for other in wrapped if isinstance(other, BaseException)]


def _first(chain: Any, *kinds: Any) -> Any:
    return next((one for one in chain if isinstance(one, kinds)), None)


def _reason(chain: Any) -> Message:
    """The innermost message that says something."""
    for one in reversed(chain):
        text = getattr(one, "strerror", None) or next((arg for arg in one.args if isinstance(arg, str)), "")
        if text:
            return Message(redact(text))
    return Message(type(chain[0]).__name__)
