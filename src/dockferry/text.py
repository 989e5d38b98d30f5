"""Making remote text and URLs fit to be shown: control characters out, secrets out."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from .message import Message

# C0, DEL, C1, line and paragraph separators, and the characters that reorder or hide text.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_URL = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_UNREADABLE = Message("(a URL that cannot be read)")


def printable(text: str) -> str:
    """`text` with a space for each character that would move, reorder or hide what stands on a terminal."""
    return _UNPRINTABLE.sub(" ", text)


def narrowed(text: str) -> str:
    """`text` with ASCII's signs for the full-width ones that a Chinese keyboard gives: colon, comma, digits."""
    if text.isascii():
        return text
    import unicodedata

    return unicodedata.normalize("NFKC", text.replace("、", ",").replace("。", "."))


def clean(text: str, limit: int = 300) -> str:
    """`text` on one line, without control and bidirectional characters, at most `limit` characters."""
    shown = re.sub(r"\s+", " ", printable(text[: limit * 4])).strip()
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def shown_path(path: object) -> str:
    """A path fit for a message."""
    return clean(str(path), 500)


def redact_url(url: str) -> str:
    """`url` without user information, query values and fragment: fit for a log."""
    try:
        parts = urlsplit(clean(url, 2000))
    except ValueError:  # a bracket without its pair, and the like
        return _UNREADABLE
    host = parts.netloc.rpartition("@")[2]
    names = (pair.partition("=") for pair in parts.query.split("&") if pair)
    query = "&".join(f"{name}=…" if equals else "…" for name, equals, _ in names)
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def host_of(url: str) -> str:
    """The host of `url`, with its port where one is given: fit for a log, and short."""
    try:
        return urlsplit(clean(url, 2000)).netloc.rpartition("@")[2]
    except ValueError:
        return _UNREADABLE


def redact(text: str) -> str:
    """`text` cleaned, every URL in it redacted: for messages that a library or a server wrote."""
    return _URL.sub(lambda match: redact_url(match.group()), clean(text))


def human_size(count: float) -> str:
    """Bytes for people, decimal units as registries and disks use: `1.28 GB`, `340 kB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        # 999.5 rounds up to four digits, which belong to the next unit.
        if abs(count) < 999.5 or unit == "TB":
            break
        count /= 1000
    return f"{count:.3g} {unit}" if abs(count) < 99.5 and unit != "B" else f"{count:.0f} {unit}"
