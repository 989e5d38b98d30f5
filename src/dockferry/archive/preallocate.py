"""Preallocation: a file gets its final size, and its blocks where the file system can give them at once."""

from __future__ import annotations

import errno
import os
import sys

_REAL_FAILURES = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))


def preallocate(fd: int, size: int) -> None:
    """Make the file `size` bytes long; what is in it stays. Raises OSError.

    On Linux its blocks are reserved, so that a full disk is met now and not in the middle of a download. The C
    library's posix_fallocate would write to every block where the file system has no such call: the system call is
    made instead, and does nothing there.
    """
    os.ftruncate(fd, size)
    if sys.platform == "linux" and size:
        _fallocate(fd, size)


def _fallocate(fd: int, size: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "fallocate64", None) or getattr(libc, "fallocate", None)
    if call is None:
        return
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    while call(fd, 0, 0, size) != 0:
        code = ctypes.get_errno()
        if code in _REAL_FAILURES:
            raise OSError(code, os.strerror(code))
        if code != errno.EINTR:
            return
