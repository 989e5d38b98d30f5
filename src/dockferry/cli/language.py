"""Language: which one the user reads, and what is said in it, from gettext's catalogs.

English is what the program's own texts are in and needs no catalog: nothing is loaded for it.
"""

from __future__ import annotations

import io
import os
from typing import Any, Callable, Mapping, Optional, Sequence

from .. import itself
from ..choices import LANGUAGES
from ..message import Message
from ..system.language import system_language

CATALOG = "locale/{}/LC_MESSAGES/dockferry.mo"
VARIABLE = "DOCKFERRY_LANG"
CHINESE = "zh_CN"
_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")

_catalog: Any = None


def use(name: str) -> None:
    """From now on all is said in the language `name`, one of LANGUAGES; `auto` is that of the locale.

    In English where the catalog has been lost or damaged.
    """
    global _catalog
    found = of_locale(os.environ) if name == "auto" else name
    if not found.startswith("zh"):
        _catalog = None
        return
    if _catalog is not None:  # before anything was parsed, and again when all is settled
        return
    import gettext

    try:
        _catalog = gettext.GNUTranslations(io.BytesIO(itself.data(CATALOG.format(CHINESE))))
    except Exception:  # what gettext makes of a damaged one has many names
        _catalog = None


def asked(words: Sequence[str], environment: Mapping[str, str]) -> str:
    """The language that flag or variable name, before anything is parsed; what they cannot mean counts as none."""
    flags = [after for word, after in zip(words, words[1:]) if word == "--lang"]
    flags += [word.partition("=")[2] for word in words if word.startswith("--lang=")]
    named = (*reversed(flags), environment.get(VARIABLE, ""))
    return next((name for name in named if name in LANGUAGES), "auto")


def of_locale(environment: Mapping[str, str], system: Callable[[], str] = system_language) -> str:
    """What the user's locale says, or else the system: Chinese of any kind, else English."""
    said = next((environment[name] for name in _LOCALE if environment.get(name)), "")
    if said in ("C", "POSIX") or said.startswith("C."):
        return "en"
    first = environment.get("LANGUAGE", "").partition(":")[0] or said or system()
    return CHINESE if first.lower().startswith("zh") else "en"


def say(text: str, *parts: object) -> str:
    """`text`, with `parts` in its fields, in the language that is used."""
    message = Message(text, *parts) if parts else text
    if _catalog is None:
        return str(message)
    return message.said(_translated) if isinstance(message, Message) else _translated(message, None, 0)


def _translated(text: str, many: Optional[str], count: int) -> str:
    if not text or _catalog is None:
        return text
    found: str = _catalog.gettext(text) if many is None else _catalog.ngettext(text, many, count)
    return found
