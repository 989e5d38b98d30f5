"""Checks: from what stands after a flag, in a variable or in the file to a setting's value: pure."""

from __future__ import annotations

import re
from typing import Any, Union

from ..errors import UsageError
from ..guess import did_you_mean
from ..message import Message
from .table import PROXY, SECONDS, SIZE, WHOLE, WORD, Setting

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,15}) ?(|[KMG]I?)B?", re.ASCII)


def from_text(setting: Setting, text: str, where: str) -> Any:
    """The value that `text` means; `where` (a flag, a variable) opens the message. Raises UsageError.

    Of a FILE only that it is text: whether it is there is asked when it is known which one counts.
    """
    if setting.kind not in (WHOLE, SECONDS):
        return from_value(setting, text, where)  # a size is one with a unit or without
    try:
        number: object = int(text) if setting.kind is WHOLE else float(text)
    except ValueError:
        number = text
    return _bounded(setting, number, where, repr(text))


def from_value(setting: Setting, value: object, where: str) -> Any:
    """`value`, checked: a number for numbers, either for a size, else text.

    Raises UsageError, which shows no proxy's login.
    """
    if setting.kind in (WHOLE, SECONDS):
        return _bounded(setting, value, where, repr(value))
    if setting.kind is SIZE:
        return _bounded(setting, _bytes(value), where, repr(value))
    if not isinstance(value, str):
        raise _bad(where, Message("text in quotes"), repr(value))
    if setting.kind is PROXY:
        return proxy(value, where)
    if setting.kind is WORD and value not in setting.words:
        raise _bad(
            where, Message("one of {}", ", ".join(setting.words)), repr(value), did_you_mean(value, setting.words)
        )
    return value


def proxy(text: str, where: str) -> str:
    """A proxy's URL."""
    from ..registry.proxies import SCHEMES
    from ..text import redact_url

    scheme, mark, rest = text.partition("://")
    if not mark or scheme.lower() not in SCHEMES or not rest.strip("/"):
        # Without "://" a user and password could stand anywhere: then nothing of it is shown.
        got = repr(redact_url(text)) if mark else Message("something else")
        raise UsageError(
            "{}: wanted a URL ({}), got {}",
            where,
            ", ".join(SCHEMES),
            got,
            remedy="write it like http://proxy.example:3128",
        )
    return text


def _bounded(setting: Setting, value: object, where: str, shown: str) -> Union[int, float]:
    is_whole = setting.kind is not SECONDS
    kinds = (int,) if is_whole else (int, float)
    if isinstance(value, kinds) and not isinstance(value, bool) and setting.low <= value <= setting.high:
        return value if is_whole else float(value)
    low, high = f"{setting.low:.15g}", f"{setting.high:.15g}"
    if setting.kind is SIZE:
        wanted = Message("{} to {} bytes, such as 262144, 500MB or 256KiB", low, high)
    else:
        wanted = Message("a whole number from {} to {}" if is_whole else "{} to {} seconds", low, high)
    remedy = (
        Message("leave it out to let dockferry choose")
        if setting.default is None
        else Message("the default is {:g}", setting.default)
    )
    raise _bad(where, wanted, shown, remedy)


def _bytes(value: object) -> object:
    """The number of bytes that a text means, with a decimal or a binary unit; anything else as it is."""
    match = _SIZE.fullmatch(value.strip().upper()) if isinstance(value, str) else None
    return int(match[1]) * _UNITS[match[2]] if match else value


def _bad(where: str, wanted: str, shown: str, remedy: str = "") -> UsageError:
    from ..text import redact

    return UsageError("{}: wanted {}, got {}", where, Message.of(wanted), redact(shown), remedy=remedy)
