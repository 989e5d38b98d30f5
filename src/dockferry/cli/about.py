"""About: what a log begins with, so that it can be understood elsewhere: versions, and the command line."""

from __future__ import annotations

import platform
import re
from typing import List, Sequence

from .._version import __version__
from ..system.shell import shell_word
from ..system.told import told
from ..text import clean

_DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-fA-F]{32,}", re.ASCII)
_SIGNED = re.compile(r"([?#]).+", re.DOTALL)
_LONGEST = 2000


def about(typed: Sequence[str]) -> List[str]:
    """The lines; `typed` are the words of the command line, the program first. Without any: none."""
    if not typed:
        return []
    lines = (
        f"dockferry {__version__}, Python {platform.python_version()}, {told()}",
        " ".join(shell_word(without_login(word)) for word in typed),
    )
    return [clean(line, _LONGEST) for line in lines]


def without_login(word: str) -> str:
    """`word` without what may be a login or a signed query, in whatever form.

    All that stands before an `@` is taken for one, unless a digest follows: in a password anything may stand.
    """
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return option + equals + _SIGNED.sub(r"\1…", _unnamed(value))


def _unnamed(text: str) -> str:
    before, at, after = text.rpartition("@")
    if not at:
        return text
    return f"{_unnamed(before)}@{after}" if _DIGEST.fullmatch(after) else f"…@{after}"
