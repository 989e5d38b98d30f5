"""Preallocation: a file gets its final size, and its blocks where the file system can give them at once.

Strategy: no byte is written for it. On Linux the blocks are reserved, so that a full disk is met now and not in the
middle of a download, but not in memory (tmpfs), where to reserve is to clear every page, a quarter of a second for
each gigabyte, before it is written over; on macOS the file is sparse. Windows would fill a file with zeros up to
where is written first, and its C library does so for a size alone, unless the file is sparse: so it is made that.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from . import windows_calls
from .kind import LINUX, WINDOWS

_TMPFS_MAGIC = 0x01021994
_STATFS_ROOM = 512
"""Bytes: more than any system's `struct statfs`, whose first word is the file system's type."""
_REAL_FAILURES = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))


def preallocate(fd: int, size: int) -> None:
    """Make the file `size` bytes long; what is in it stays. Raises OSError."""
    if WINDOWS:
        _extend_sparse(fd, size)
        return
    os.ftruncate(fd, size)
    if LINUX and size:
        _fallocate(fd, size)


def allocated(path: Path) -> int:
    """Bytes that the disk has given for the file `path`, at most its size. Raises OSError."""
    found = os.lstat(path)
    if WINDOWS:
        given: int = windows_calls.given_bytes(path)
        return min(given, found.st_size)
    return min(found.st_blocks * 512, found.st_size)


def _extend_sparse(fd: int, size: int) -> None:
    try:
        windows_calls.extend_sparse(fd, size)
    except OSError:
        os.ftruncate(fd, size)  # slower, and says what is wrong


def _fallocate(fd: int, size: int) -> None:
    """The system call: the C library's posix_fallocate would write to every block where there is no such call."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "fallocate64", None) or getattr(libc, "fallocate", None)
    if call is None or _is_in_memory(libc, fd):
        return
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    while call(fd, 0, 0, size) != 0:
        code = ctypes.get_errno()
        if code in _REAL_FAILURES:
            raise OSError(code, os.strerror(code))
        if code != errno.EINTR:
            return


def _is_in_memory(libc: Any, fd: int) -> bool:
    import ctypes

    found = (ctypes.c_long * (_STATFS_ROOM // ctypes.sizeof(ctypes.c_long)))()
    return libc.fstatfs(fd, found) == 0 and found[0] == _TMPFS_MAGIC
