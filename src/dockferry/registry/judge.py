"""Judge: the one place where a reply to a blob request is judged: from what was wanted, the status and the headers
to one verdict (OCI distribution spec, "Pulling Blobs"; RFC 9110, section 14): pure.

*Strategy.* Registries, caches and storage hosts answer ranges in all the ways there are, and one host may answer two
requests differently. So nothing is learnt about a host: each reply stands for itself, and only a reply that says
clearly which bytes it carries delivers any.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple, Union

from ..errors import AuthError, BusyError, DockferryError, NetworkError, NotFoundError, ReplyError, RequestError
from ..message import Message
from ..oci.strict_json import AN_HTML_PAGE, TO_THE_PAGE
from ..text import clean
from .complaint import Complaint
from .headers import Headers, content_length, content_range, is_identity, retry_after

REDIRECTS = (301, 302, 303, 307, 308)
_DENIED = ("DENIED", "UNAUTHORIZED")
TO_WAIT = Message("wait a while, log in with -u, or name another mirror with -r")
"""What helps where a host has had enough of our requests."""
_UNKNOWN = ("NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND")


class Wanted(NamedTuple):
    """Bytes `start` to `end` (exclusive) of a blob of `size` bytes; `what` and `where` name it and the host.

    `is_ranged` says if the request had a Range header.
    """

    start: int
    end: int
    size: int
    is_ranged: bool
    what: str
    where: str


class Deliver(NamedTuple):
    """The body carries bytes `start` to `end` (exclusive) of the blob; `start` may be below the wanted one."""

    start: int
    end: int


class AskWhole(NamedTuple):
    """The host cannot answer this Range: the same request without one.

    `is_slip`: it answered another one, which caches do now and then. The next answer may be right, for fewer bytes.
    """

    is_slip: bool = False


@dataclass(frozen=True)
class Redirected:  # no named tuple: one of nothing is false
    """Go on where the Location says, if it says so once."""


class Refused(NamedTuple):
    """No bytes, and why."""

    error: DockferryError


Verdict = Union[Deliver, AskWhole, Redirected, Refused]


def judge(wanted: Wanted, status: int, headers: Headers, complaint: Complaint, now: float) -> Verdict:
    """The verdict on one reply. `complaint` is what its body says, if it is an error; `now` is in Unix seconds."""
    try:
        if status == 200:
            return _whole(wanted, headers)
        if status == 206:
            return _part(wanted, headers)
    except NetworkError as error:
        return AskWhole(is_slip=True) if wanted.is_ranged and status == 206 else Refused(error)
    if status in REDIRECTS:
        return Redirected()
    if wanted.is_ranged and status in (400, 416, 501):
        return AskWhole()
    if status == 416:
        return Refused(
            ReplyError(
                "{}: wanted bytes {}-{} of {}, got 416: it has no such bytes",
                wanted.where,
                wanted.start,
                wanted.end - 1,
                wanted.what,
                reason=Message("416: it has no such bytes"),
            )
        )
    return Refused(refusal(status, headers, complaint, now, what=wanted.what, where=wanted.where))


def refusal(
    status: int, headers: Headers, complaint: Complaint, now: float, *, what: str, where: str
) -> DockferryError:
    """The error for a `status` that gives no document: `what` was wanted, `where` is the host."""
    said = f": {complaint.text}" if complaint.text else ""
    message = Message("{}: wanted {}, got {}{}", where, what, status_text(status), said)
    reason = status_text(status) + said
    denied = any(code in _DENIED for code in complaint.codes)
    unknown = any(code in _UNKNOWN for code in complaint.codes)
    if status in (408, 425, 429) or (status >= 500 and status != 501):
        is_limit = status == 429
        return BusyError(
            message,
            retry_after=retry_after(headers, now),
            asks_for_less=is_limit,
            remedy=TO_WAIT if is_limit else TO_THE_PAGE if status == 511 else "",
            reason=reason,
        )
    if status == 407:
        return AuthError(message, remedy="give the proxy's login in its URL: http://USER:PASSWORD@HOST:PORT")
    if status in (404, 410) and (unknown or not denied):
        return NotFoundError(message, remedy=_to_look_at(what), reason=reason)
    if status in (401, 403, 404, 410, 451):
        return AuthError(message, remedy=_to_be_let_in(what), reason=reason)
    kind = RequestError if 400 <= status < 500 else ReplyError
    return kind(message, reason=reason)


def status_text(status: int) -> str:
    """As people know it: 504 Gateway Timeout."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _to_look_at(what: str) -> str:
    """What may be wrong where `what`, as in a message, is not there."""
    if what.startswith("tags "):
        return Message("check the name")
    if what.startswith("blob "):
        return Message("its manifest is there, so the host has lost it: try another mirror with -r, or push it again")
    if what.startswith("manifest ") and "@" not in what:
        return Message("check the name and the tag: dockferry tags lists them")
    return Message("check the name and the digest")


def _to_be_let_in(what: str) -> str:
    """What may help where `what`, as in a message, is refused. Who asks for a blob has read its manifest."""
    if what.startswith("blob "):
        return Message("its manifest was given, so the name is right: log in with -u, or try another mirror with -r")
    return Message("log in with -u, or check the name: it may not exist")


def _whole(wanted: Wanted, headers: Headers) -> Verdict:
    """A 200 carries the blob from its first byte; chunked or until the end, the descriptor's size rules."""
    _check_document(wanted, headers)
    length = content_length(headers, wanted.where)
    if length is not None and length != wanted.size:
        raise ReplyError(
            "{}: wanted the {} bytes of {}, got {} bytes of {}",
            wanted.where,
            wanted.size,
            wanted.what,
            length,
            clean(headers.get("content-type"), 60) or Message("no type"),
        )
    return Deliver(0, wanted.size)


def _part(wanted: Wanted, headers: Headers) -> Verdict:
    """A 206 must start where it was asked to, and may end earlier."""
    _check_document(wanted, headers)
    got = content_range(headers, wanted.where)
    if got.start != wanted.start or got.end > wanted.end or got.total not in (None, wanted.size):
        raise ReplyError(
            "{}: wanted bytes {}-{}/{} of {}, got {}-{}/{}",
            wanted.where,
            wanted.start,
            wanted.end - 1,
            wanted.size,
            wanted.what,
            got.start,
            got.end - 1,
            "*" if got.total is None else got.total,
        )
    length = content_length(headers, wanted.where)
    if length not in (None, got.end - got.start):
        raise ReplyError(
            "{}: Content-Range promises {} bytes of {}, Content-Length {}",
            wanted.where,
            got.end - got.start,
            wanted.what,
            length,
        )
    return Deliver(got.start, got.end)


def _check_document(wanted: Wanted, headers: Headers) -> None:
    if not is_identity(headers):
        coding = clean(headers.get("content-encoding"), 40)
        raise ReplyError("{}: wanted {} as it is, got it with Content-Encoding {}", wanted.where, wanted.what, coding)
    kind = headers.get("content-type").lower()
    if kind.startswith(("text/html", "application/xhtml")):
        # Without a length, a page would pass for the blob's first bytes until the hash is there.
        raise ReplyError(
            "{}: wanted {}, got {}", wanted.where, wanted.what, AN_HTML_PAGE, remedy=TO_THE_PAGE, reason=AN_HTML_PAGE
        )
    if kind.startswith("multipart/"):
        raise ReplyError("{}: wanted one range of {}, got multipart/byteranges", wanted.where, wanted.what)
