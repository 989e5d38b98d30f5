"""Language: the one that the user has the system in, where no variable of the environment says it."""

from __future__ import annotations

from .kind import WINDOWS

_CHINESE = 0x04
"""The primary language in Windows' identifiers, which are its lower ten bits."""


def system_language() -> str:
    """`zh` for Chinese, empty for any other and where the environment says it all."""
    if not WINDOWS:
        return ""
    from . import windows_calls

    try:
        return language_of(windows_calls.ui_language())
    except OSError:
        return ""


def language_of(identifier: int) -> str:
    """Of one of Windows' identifiers (MS-LCID)."""
    return "zh" if identifier & 0x3FF == _CHINESE else ""
