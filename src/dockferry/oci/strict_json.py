"""JSON from strangers: bounded in size and depth, no duplicate keys, no NaN, no infinite numbers."""

from __future__ import annotations

import json
from typing import Any, Dict, FrozenSet, List, Tuple

from ..errors import ContentError
from ..message import Message
from ..text import clean

MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes a manifest or index may have (distribution spec, "Pushing Manifests")."""
MAX_DEPTH = 32
AN_HTML_PAGE = Message("an HTML page: a captive portal or proxy answered")
"""What came in place of a document."""
TO_THE_PAGE = Message("finish the network's login page in a browser, or check the proxy and the address of -r")
"""What helps against that."""


def parse_object(raw: bytes, what: str, limit: int = MAX_MANIFEST) -> Dict[str, Any]:
    """The JSON object in `raw` (UTF-8, at most `limit` bytes). Raises ContentError, naming `what`."""
    value = _parse(raw, what, limit)
    if not isinstance(value, dict):
        raise ContentError("{}: wanted a JSON object, got {}", what, type(value).__name__)
    return value


def parse_array(raw: bytes, what: str, limit: int = MAX_MANIFEST) -> List[Any]:
    """The JSON array in `raw`, under the same rules. Raises ContentError, naming `what`."""
    value = _parse(raw, what, limit)
    if not isinstance(value, list):
        raise ContentError("{}: wanted a JSON array, got {}", what, type(value).__name__)
    return value


def _parse(raw: bytes, what: str, limit: int) -> Any:
    if len(raw) > limit:
        raise ContentError("{}: wanted at most {} bytes, got {}", what, limit, len(raw))
    try:
        text = raw.decode("utf-8")
        _check_depth(text)
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded_int,
        )
    except (ValueError, RecursionError) as error:
        head = raw.lstrip()[:1]
        if head == b"<":
            raise ContentError("{}: wanted JSON, got {}", what, AN_HTML_PAGE, remedy=TO_THE_PAGE) from None
        ours = error.args[0] if isinstance(error.args[0], Message) else error
        raise ContentError("{}: wanted JSON, got something else: {}", what, ours) from None


def _check_depth(text: str) -> None:
    """Nesting is counted before parsing: the parser recurses, and its limit differs between Pythons."""
    depth = 0
    in_string = escaped = False
    for char in text:
        if in_string:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_string = False
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(Message("nested deeper than {}", MAX_DEPTH))
        elif char in "]}":
            depth -= 1


def _unique(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError(Message("a key stands twice in one object"))
    return result


def refuse_lookalikes(document: Dict[str, Any], known: FrozenSet[str], what: str) -> None:
    """Raises ContentError for a key that is one of `known` but for its case.

    Engines written in Go take `Layers` for `layers`: such a document means one thing to them and another to us.
    """
    folded = {key.casefold() for key in known}
    for key in document:
        if key not in known and key.casefold() in folded:
            raise ContentError(
                "{}: ambiguous: the key {} is another one but for its case", what, clean(repr(key), 60)
            )


def _refuse_constant(name: str) -> Any:
    raise ValueError(Message("{} is not JSON", name))


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(Message("a number out of range"))
    return number


def _bounded_int(text: str) -> int:
    if len(text) > 20:
        raise ValueError(Message("a number out of range"))
    return int(text)
