"""Lock: one process at a time, by a file that is there only while it is held.

Strategy: who lets go removes the file. Another may have opened it just before that, and then locks a file without a
name, while a third makes one anew: so a lock counts only if what is locked still has the name. A killed process
leaves the file, and no lock on it.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import ContextManager, Iterator

from .kind import WINDOWS


def only_one(path: Path) -> ContextManager[None]:
    """Hold `path` within the `with`. Raises BlockingIOError where another process does, OSError."""
    if not WINDOWS:
        return by_flock(path)
    return by_library(path)


@contextlib.contextmanager
def by_library(path: Path) -> Iterator[None]:
    """As Windows has it, where no file that is open is removed: so none can lose its name while it is locked."""
    from filelock import FileLock, Timeout

    lock = FileLock(str(path))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            path.unlink()


if not WINDOWS:
    import fcntl

    _NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
    """A share without locks: a run there goes without."""

    @contextlib.contextmanager
    def by_flock(path: Path) -> Iterator[None]:
        """As POSIX has it."""
        fd = _locked(path)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(fd)

    def _locked(path: Path) -> int:
        while True:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o644)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(fd), os.lstat(path)):
                    return fd
            except FileNotFoundError:
                pass
            except OSError as error:
                if error.errno in _NO_LOCKS:
                    return fd
                os.close(fd)
                raise
            os.close(fd)
