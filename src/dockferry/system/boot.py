"""Boot identity: a word that is the same until the machine starts again, so that a journal knows what it may believe.

A wrong answer costs no wrong byte, since all bytes are hashed; it costs fetching again what a power cut took.
"""

from __future__ import annotations

from pathlib import Path

from . import windows_calls
from .kind import MACOS, WINDOWS


def boot_identity(unknown: str) -> str:
    """From the system, one printable word; `unknown` where it has none to give."""
    ask = on_windows if WINDOWS else on_macos if MACOS else on_linux
    try:
        word = ask()
    except (OSError, AttributeError, ValueError):
        return unknown
    return word if word.isprintable() and word and " " not in word else unknown


def on_linux() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def on_macos() -> str:
    """The system's UUID of this session."""
    import ctypes

    text = ctypes.create_string_buffer(64)
    size = ctypes.c_size_t(len(text))
    none = ctypes.c_size_t(0)
    if ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, none) != 0:
        return ""
    return text.value.decode("ascii")


def on_windows() -> str:
    """The boot's time to 100 ns (SYSTEM_TIMEOFDAY_INFORMATION), less what clock changes have added to it."""
    started, added = windows_calls.boot_times()
    return f"{started - added:x}"
