"""Failures: what urllib3, ssl and the standard library raise, told in our words: pure.

Their own messages may hold a signed URL or a proxy's password, so nothing of them is shown but the reason.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from typing import Any, Iterator, List, Optional

from urllib3 import exceptions as theirs

from ..errors import AuthError, BodyError, CertificateError, ConnectError, DockferryError, ReplyError
from ..text import host_of, redact, redact_url

_NETWORK = "check the network and the proxy, or name a mirror with -r"


def explain(error: BaseException, url: str, patience: float, proxy: Optional[str] = None) -> DockferryError:
    """The error of ours for `error`, met while `url` was asked for, through `proxy` if any.

    `patience` is the timeout for an answer, in seconds.
    """
    asked = host_of(url)
    chain = list(_causes(error))
    verdict = _first(chain, ssl.SSLCertVerificationError) or _first(chain, ssl.SSLError)
    if _first(chain, theirs.ProxyError):
        if not isinstance(verdict, ssl.SSLCertVerificationError):
            return _proxy(chain, asked)
        asked = f"the proxy {redact_url(proxy or '')}"
    if verdict is not None:
        return _tls(verdict, asked)
    if _first(chain, theirs.NameResolutionError, socket.gaierror):
        return ConnectError(f"{asked}: the name does not resolve", remedy=_NETWORK)
    if _first(chain, theirs.ConnectTimeoutError):
        return ConnectError(f"{asked}: no connection in time", remedy=_NETWORK)
    if _first(chain, theirs.ReadTimeoutError, socket.timeout):
        return ConnectError(f"{asked}: no answer within {patience:.3g} s", remedy=_NETWORK)
    if _first(chain, theirs.InvalidHeader):
        return BodyError(f"{asked}: wanted one Content-Length, got another framing: {_reason(chain)}")
    if _first(chain, http.client.RemoteDisconnected, ConnectionError, theirs.NewConnectionError):
        is_refused = _first(chain, ConnectionRefusedError) is not None
        return ConnectError(f"{asked}: no answer: {_reason(chain)}", remedy=_NETWORK, asks_for_less=is_refused)
    if _first(chain, http.client.HTTPException, theirs.LocationValueError, ValueError):
        return ReplyError(f"{asked}: wanted an HTTP answer, got something else: {_reason(chain)}")
    return ConnectError(f"{asked}: {_reason(chain)}", remedy=_NETWORK)


def _proxy(chain: Any, asked: str) -> DockferryError:
    reason = _reason(chain)
    if " 407 " in f" {reason} ":
        return AuthError(
            f"{asked}: the proxy wants a login (407)",
            remedy="give it in the proxy's URL, best through https_proxy: http://USER:PASSWORD@HOST:PORT",
        )
    return ConnectError(f"{asked}: the proxy gave no connection: {reason}", remedy="check the proxy")


def _tls(error: ssl.SSLError, asked: str) -> DockferryError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(
            f"{asked}: its certificate is not to be trusted: {redact(error.verify_message)}",
            remedy="give the authority that signed it with --ca-cert FILE",
        )
    reason = str(error.reason or error)
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason or "RECORD_LAYER_FAILURE" in reason:
        return ConnectError(
            f"{asked}: wanted TLS, got something else", remedy="a registry without TLS needs --plain-http"
        )
    return ConnectError(f"{asked}: TLS failed: {redact(reason)}", remedy=_NETWORK)


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


def _reason(chain: Any) -> str:
    """The innermost message that says something."""
    for one in reversed(chain):
        text = getattr(one, "strerror", None) or next((arg for arg in one.args if isinstance(arg, str)), "")
        if text:
            return redact(text)
    return type(chain[0]).__name__
