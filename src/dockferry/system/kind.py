"""Kind: which kind of system this is. No other module asks; what has two ways takes the one that this says."""

from __future__ import annotations

import sys

WINDOWS = sys.platform == "win32"
MACOS = sys.platform == "darwin"
LINUX = sys.platform == "linux"


def told() -> str:
    """For a report: `Linux 6.1.0 x86_64 (linux)`."""
    import platform

    return f"{platform.system()} {platform.release()} {platform.machine()} ({sys.platform})"
