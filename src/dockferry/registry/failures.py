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
from ..message import Message
from ..text import host_of, redact, redact_url

_NETWORK = Message("check the network and the proxy, or name a mirror with -r")


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
        asked = Message("the proxy {}", redact_url(proxy or ""))
    if verdict is not None:
        return _tls(verdict, asked)
    if _first(chain, theirs.NameResolutionError, socket.gaierror):
        return ConnectError("{}: the name does not resolve", asked, remedy=_NETWORK)
    if _first(chain, theirs.ConnectTimeoutError):
        return ConnectError("{}: no connection in time", asked, remedy=_NETWORK)
    if _first(chain, theirs.ReadTimeoutError, socket.timeout):
        return ConnectError("{}: no answer within {:.3g} s", asked, patience, remedy=_NETWORK)
    if _first(chain, theirs.InvalidHeader):
        return BodyError("{}: wanted one Content-Length, got another framing: {}", asked, _reason(chain))
    if _first(chain, http.client.RemoteDisconnected, ConnectionError, theirs.NewConnectionError):
        is_refused = _first(chain, ConnectionRefusedError) is not None
        return ConnectError("{}: no answer: {}", asked, _reason(chain), remedy=_NETWORK, asks_for_less=is_refused)
    if _first(chain, http.client.HTTPException, theirs.LocationValueError, ValueError):
        return ReplyError("{}: wanted an HTTP answer, got something else: {}", asked, _reason(chain))
    return ConnectError("{}: {}", asked, _reason(chain), remedy=_NETWORK)


def _proxy(chain: Any, asked: str) -> DockferryError:
    reason = _reason(chain)
    if " 407 " in f" {reason} ":
        return AuthError(
            "{}: the proxy wants a login (407)",
            asked,
            remedy="give it in the proxy's URL, best through https_proxy: http://USER:PASSWORD@HOST:PORT",
        )
    return ConnectError("{}: the proxy gave no connection: {}", asked, reason, remedy="check the proxy")


def _tls(error: ssl.SSLError, asked: str) -> DockferryError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return CertificateError(
            "{}: its certificate is not to be trusted: {}",
            asked,
            Message(redact(error.verify_message)),
            remedy="give the authority that signed it with --ca-cert FILE",
        )
    reason = str(error.reason or error)
    if "WRONG_VERSION_NUMBER" in reason or "HTTP_REQUEST" in reason or "RECORD_LAYER_FAILURE" in reason:
        return ConnectError(
            "{}: wanted TLS, got something else", asked, remedy="a registry without TLS needs --plain-http"
        )
    return ConnectError("{}: TLS failed: {}", asked, redact(reason), remedy=_NETWORK)


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
