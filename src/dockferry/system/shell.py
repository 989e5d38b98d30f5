"""Shell: a word of a command line that is shown, for people to copy."""

from __future__ import annotations

import re

from .kind import WINDOWS


def shell_word(text: str) -> str:
    """`text` as one word: for a POSIX shell, or both of Windows' shells."""
    return for_windows(text) if WINDOWS else for_posix(text)


def for_posix(text: str) -> str:
    import shlex

    return shlex.quote(text)


def for_windows(text: str) -> str:
    return text if re.fullmatch(r"[\w.:\\/@-]+", text) else f'"{text}"'
