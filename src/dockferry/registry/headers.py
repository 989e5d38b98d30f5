"""Headers: what a reply's header fields say, read strictly (RFC 9110, RFC 9112): pure, duplicates in sight."""

from __future__ import annotations

import email.utils
import re
from datetime import timezone
from typing import Dict, Iterable, NamedTuple, Optional, Tuple

from ..errors import BodyError, ReplyError
from ..message import Message
from ..text import clean

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_RANGE = re.compile(r"bytes[ =]+([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.ASCII | re.IGNORECASE)


class Headers:
    """Header fields by name, upper or lower case alike; each name may have several values, in order."""

    def __init__(self, fields: Iterable[Tuple[str, str]] = ()) -> None:
        self._values: Dict[str, Tuple[str, ...]] = {}
        for name, value in fields:
            key = name.lower()
            self._values[key] = (*self._values.get(key, ()), value.strip())

    def all(self, name: str) -> Tuple[str, ...]:
        """Every value of `name`."""
        return self._values.get(name.lower(), ())

    def get(self, name: str) -> str:
        """The first value of `name`, or ''."""
        return next(iter(self.all(name)), "")


class ContentRange(NamedTuple):
    """Bytes `start` to `end` (exclusive) of `total`, which is None where the reply says `*`."""

    start: int
    end: int
    total: Optional[int]


def content_length(headers: Headers, where: str) -> Optional[int]:
    """How long the body is, None where it ends otherwise. Raises BodyError for framing that can be read two ways.

    RFC 9112, section 6.3: chunked overrules a length; a length that stands twice is refused even if both agree.
    """
    codings, lengths = headers.all("transfer-encoding"), headers.all("content-length")
    if codings:
        if [coding.lower() for coding in codings] != ["chunked"]:
            raise BodyError("{}: wanted a body in chunks, got Transfer-Encoding {}", where, _quoted(codings))
        return None
    if not lengths:
        return None
    if len(lengths) > 1 or not _NUMBER.fullmatch(lengths[0]):
        raise BodyError("{}: wanted one Content-Length, got {}", where, _quoted(lengths))
    return int(lengths[0])


def content_range(headers: Headers, where: str) -> ContentRange:
    """Which bytes a 206 carries. Raises ReplyError where that is not said once and clearly."""
    values = headers.all("content-range")
    found = _RANGE.fullmatch(values[0]) if len(values) == 1 else None
    if not found:
        raise ReplyError("{}: wanted one Content-Range, got {}", where, _quoted(values) or Message("none"))
    first, last, total = found.groups()
    span = ContentRange(int(first), int(last) + 1, None if total == "*" else int(total))
    if span.end <= span.start or (span.total is not None and span.end > span.total):
        raise ReplyError("{}: wanted a Content-Range that can be, got {}", where, _quoted(values))
    return span


def is_identity(headers: Headers) -> bool:
    """True if the body is the document itself: not compressed, though that was not asked for."""
    return all(value.lower() in ("", "identity") for value in headers.all("content-encoding"))


def retry_after(headers: Headers, now: float) -> Optional[float]:
    """Seconds to wait, as the host has it; None for nothing and for nonsense. `now` is in Unix seconds.

    RFC 9110, section 10.2.3: whole seconds, or a date. How long is too long is the caller's affair.
    """
    value = headers.get("retry-after")
    if re.fullmatch(r"[0-9]{1,400}", value, re.ASCII):
        return float(value)
    try:
        parsed = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    utc = parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)  # -0000 means no local time
    return max(utc.timestamp() - now, 0.0)


def _quoted(values: Tuple[str, ...]) -> str:
    return clean(", ".join(repr(value) for value in values), 120)
