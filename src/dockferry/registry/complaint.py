"""Complaint: what a registry says in an error body (OCI distribution spec, "Error Codes"): pure."""

from __future__ import annotations

from typing import NamedTuple, Tuple

from ..errors import ContentError
from ..oci.strict_json import parse_object
from ..text import clean, redact

MAX_ERROR_BODY = 64 * 1024
"""Bytes of an error body that are looked at."""


class Complaint(NamedTuple):
    """`codes` like NAME_UNKNOWN, upper-case; `text` for people, one line, cleaned and redacted; both may be empty."""

    codes: Tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def parse(cls, body: bytes) -> Complaint:
        """From an error body of any kind: what is not the spec's JSON says nothing."""
        try:
            errors = parse_object(body, "", MAX_ERROR_BODY).get("errors")
        except ContentError:
            return cls()
        entries = [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []
        codes = tuple(clean(str(entry.get("code", "")), 40).upper() for entry in entries[:5])
        texts = (str(entry.get("message") or entry.get("code") or "") for entry in entries[:5])
        return cls(codes, clean("; ".join(redact(text) for text in texts if text), 200))
