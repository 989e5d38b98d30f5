"""Paths: how Windows is given one that is longer than its calls take as it is (259 characters)."""

from __future__ import annotations

import ntpath
from pathlib import Path

from .kind import WINDOWS

_LONG, _LONG_SHARE = "\\\\?\\", "\\\\?\\UNC\\"
_SHARE, _DEVICE = "\\\\", "\\\\.\\"
_ROOM = 160
"""Characters that the names of what we put beside a file, or into a directory, add to its own, at most."""
SHORT = 259 - _ROOM
"""A path up to here needs no mark."""


def usable(path: Path) -> Path:
    """`path` as the system's calls take it, and as they take what we put beside and below it."""
    return Path(long_form(str(path))) if WINDOWS else path


def plain(path: Path) -> Path:
    """What `usable` made, as people and other programs write it."""
    return Path(short_form(str(path))) if WINDOWS else path


def long_form(path: str) -> str:
    """`path` itself if it is short, else whole and with the mark that lifts the limit. By Windows' grammar."""
    whole = ntpath.abspath(path)
    if len(whole) <= SHORT or whole.startswith((_LONG, _DEVICE)):
        return path
    return _LONG_SHARE + whole[len(_SHARE) :] if whole.startswith(_SHARE) else _LONG + whole


def short_form(path: str) -> str:
    """`path` without that mark."""
    if path.startswith(_LONG_SHARE):
        return _SHARE + path[len(_LONG_SHARE) :]
    return path[len(_LONG) :] if path.startswith(_LONG) else path
