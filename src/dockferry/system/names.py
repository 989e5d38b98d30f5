"""Names: what a file may be called everywhere. Pure: a default name is the same on all systems.

Windows takes some names for devices, whatever follows the first dot, and leaves out dots and spaces at a name's end
(Microsoft's "Naming Files, Paths, and Namespaces").
"""

from __future__ import annotations

import re

from .kind import WINDOWS

_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|:|$)", re.IGNORECASE)


def is_device(name: str) -> bool:
    """Whether Windows takes the file name `name` for a device."""
    return _DEVICE.match(name) is not None


def leads_to_device(name: str) -> bool:
    """Whether no file of that name can be made here."""
    return WINDOWS and is_device(name)


def no_device(name: str) -> str:
    """`name`, or one like it that means a file everywhere."""
    return f"_{name}" if is_device(name) else name


def portable(name: str) -> str:
    """`name`, or one like it that is a file's everywhere, and in full."""
    kept = name.rstrip(". ")
    return no_device(kept + "_" * (len(name) - len(kept)))
