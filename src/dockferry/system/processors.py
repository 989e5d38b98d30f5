"""Processors: how many of them this process may use: bound to some, or given a share of their time (cgroups)."""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath
from typing import Iterator, Optional


def processors(root: Path = Path("/")) -> int:
    """At least 1. A part of a processor counts as one. `root` is where /proc and /sys are."""
    quotas = [math.ceil(quota) for quota in _quotas(root)]
    return max(1, min([_bound_to(), *quotas]))


def _bound_to() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota_of(words: str) -> Optional[float]:
    """Processors by `QUOTA PERIOD`, in microseconds, as in `cpu.max`; None for no limit (`max`, -1) and nonsense."""
    try:
        quota, period = (float(word) for word in words.split())
    except ValueError:
        return None
    return quota / period if math.inf > quota > 0 and math.inf > period > 0 else None


def cgroup_of(line: str) -> Optional[PurePosixPath]:
    """By a line of /proc/PID/cgroup, where under /sys/fs/cgroup the group is that may limit processors."""
    _, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    if controllers and "cpu" not in controllers.split(","):
        return None
    return PurePosixPath("cpu" if controllers else "", path.strip("/"))


def _quotas(root: Path) -> Iterator[float]:
    """Those of this process's groups and of all above: version 2, and version 1 in `cpu`."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        place = cgroup_of(line)
        for group in () if place is None else (place, *place.parents):
            folder = root / "sys/fs/cgroup" / group
            first = _read(folder / "cpu.cfs_quota_us") + " " + _read(folder / "cpu.cfs_period_us")
            for words in (_read(folder / "cpu.max"), first):
                quota = quota_of(words)
                if quota is not None:
                    yield quota


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return ""
