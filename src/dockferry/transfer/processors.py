"""Processors: how many of them this process may use."""

from __future__ import annotations

import os


def processors() -> int:
    """At least 1. A process that was bound to some of the machine's processors has only those."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
