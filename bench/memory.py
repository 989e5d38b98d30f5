"""Memory: makes the machine ready to give as much as a run will need.

A virtual machine's host gives it memory when it is touched for the first time, which can take seconds for each
gigabyte; whichever tool runs first then pays for all who come after it. What was touched and given back stays with
the guest, for the most part: a later run finds it there.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOR_EACH_BYTE = 2.5
"""Bytes of memory for each byte of an image: the archive in the page cache, a tool's own layers, and some more."""
_SHARE = 0.5
_TOUCH = """
import mmap, sys
size = int(sys.argv[1])
room = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
room[::4096] = bytes(len(range(0, size, 4096)))
"""


def touch(size: int) -> int:
    """Write to each page of up to `size` bytes in a child process, which then ends: how many bytes that were.

    At most half of what the system says is available, so that nothing of use is thrown out of the page cache; 0
    where the system does not say so.
    """
    size = min(size, int(available() * _SHARE))
    if size > 0:
        subprocess.run([sys.executable, "-I", "-S", "-c", _TOUCH, str(size)], check=True)
    return size


def available() -> int:
    """Bytes that programs could have now (MemAvailable of /proc/meminfo), 0 where there is no such word."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)
