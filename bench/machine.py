"""Machine: where and when something was measured, in words."""

from __future__ import annotations

import datetime
import os
import platform
import ssl
import subprocess
from pathlib import Path
from typing import Dict


def circumstances(workdir: Path) -> Dict[str, str]:
    """Date, commit, processor, CPUs, memory, system, Python, OpenSSL, and the type of `workdir`'s file system."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": _processor(),
        "cpus": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "files": file_system(workdir),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _commit() -> str:
    """Short, with a mark where the tree differs from it; empty outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "an unknown file system"
    inside = [(len(mount[1]), mount[2]) for mount in mounts if _holds(Path(mount[1]), path.resolve())]
    return max(inside, default=(0, "an unknown file system"))[1]


def _holds(mount: Path, path: Path) -> bool:
    return mount == path or mount in path.parents
