"""Byte ranges: the part of a body that a Range header asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from typing import Optional, Tuple

_ONE = re.compile(r"bytes=(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """A well-formed range of which the body has no byte: 416."""


def parse_range(header: Optional[str], size: int) -> Optional[Tuple[int, int]]:
    """`(start, end)`, end exclusive, of a body of `size` bytes; None where the whole is to be sent.

    A header that is malformed, in another unit or names several ranges is passed over, as the RFC allows.
    Raises Unsatisfiable.
    """
    match = _ONE.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return start, end
