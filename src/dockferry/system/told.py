"""Told: which system this is, for a report."""

from __future__ import annotations

import platform
import sys


def told() -> str:
    """`Linux 6.1.0 x86_64 (linux)`."""
    return f"{platform.system()} {platform.release()} {platform.machine()} ({sys.platform})"
