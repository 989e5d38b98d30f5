"""Boot identity: a word that is the same until the machine starts again, so that a journal knows what it may believe.

A wrong answer costs no wrong byte, since all bytes are hashed; it costs fetching again what a power cut took.
"""

from __future__ import annotations

import sys
from pathlib import Path


def boot_identity(unknown: str) -> str:
    """From the system, one printable word; `unknown` where it has none to give."""
    try:
        word = _ask()
    except (OSError, AttributeError, ValueError):
        return unknown
    return word if word.isprintable() and word and " " not in word else unknown


if sys.platform == "win32":
    import ctypes

    _TIME_OF_DAY = 3

    def _ask() -> str:
        """The boot's time to 100 ns (SYSTEM_TIMEOFDAY_INFORMATION), less what clock changes have added to it."""
        fields = (ctypes.c_longlong * 6)()
        query = ctypes.WinDLL("ntdll").NtQuerySystemInformation
        if query(_TIME_OF_DAY, ctypes.byref(fields), ctypes.sizeof(fields), None) != 0:
            return ""
        return f"{fields[0] - fields[4]:x}"

elif sys.platform == "darwin":
    import ctypes

    def _ask() -> str:
        """The system's UUID of this session."""
        text = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(len(text))
        none = ctypes.c_size_t(0)
        if ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, none) != 0:
            return ""
        return text.value.decode("ascii")

else:

    def _ask() -> str:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
