"""Links: the next page of a listing (RFC 8288; OCI distribution spec, "Listing Tags"): pure."""

from __future__ import annotations

import re
from typing import Optional, Sequence

from ..errors import ReplyError
from ..text import redact_url
from .redirects import origin_of, resolve

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next\s*(?:[;,]|$))", re.IGNORECASE)


def next_page(url: str, links: Sequence[str]) -> Optional[str]:
    """The URL after `url` in a listing, by the values of its Link header; None on the last page.

    Raises ReplyError for another origin: the request carries the token.
    """
    for value in links:
        for target, parameters in _LINK.findall(value):
            if _NEXT.search(parameters):
                found = resolve(url, target)
                if origin_of(found) != origin_of(url):
                    raise ReplyError(
                        "{}: wanted the next page at the same host, got {}", redact_url(url), redact_url(found)
                    )
                return found
    return None
