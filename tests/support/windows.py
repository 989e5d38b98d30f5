"""The command line under Windows' rules, as far as Linux can keep them; this file is run as a program.

The calls that Windows lacks are gone, and a file that is open is not renamed, replaced or removed.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Any, Tuple

_LACKING = ("pread", "preadv", "pwrite", "pwritev", "fdatasync", "sendfile", "O_NOFOLLOW")


def become_windows() -> None:
    """For the rest of this process; to be called before dockferry is imported."""
    for name in _LACKING:
        delattr(os, name)
    del signal.SIGHUP
    sys.addaudithook(_refuse_open_files)


def _refuse_open_files(event: str, args: Tuple[Any, ...]) -> None:
    paths = args[:2] if event == "os.rename" else args[:1] if event == "os.remove" else ()
    for path in paths:
        if _is_open(path):
            raise PermissionError(errno.EACCES, "being used by another process", str(path))


def _is_open(path: Any) -> bool:
    try:
        wanted = os.lstat(path)
    except FileNotFoundError:
        return False
    for fd in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(fd))
        except OSError:  # the one of the list itself
            continue
        if os.path.samestat(found, wanted):
            return True
    return False


if __name__ == "__main__":
    become_windows()
    from dockferry.cli.main import main

    sys.exit(main())
