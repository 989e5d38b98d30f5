"""Preallocation: a file gets its final size, and its blocks where the file system can give them at once.

Strategy: no byte is written for it. On Linux the blocks are reserved, so that a full disk is met now and not in the
middle of a download, but not in memory (tmpfs), where to reserve is to clear every page, a quarter of a second for
each gigabyte, before it is written over; on macOS the file is sparse. Windows would fill a file with zeros up to
where is written first, and its C library does so for a size alone, unless the file is sparse: so it is made that.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

_TMPFS_MAGIC = 0x01021994
_STATFS_ROOM = 512
"""Bytes: more than any system's `struct statfs`, whose first word is the file system's type."""
_REAL_FAILURES = (errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC))


def preallocate(fd: int, size: int) -> None:
    """Make the file `size` bytes long; what is in it stays. Raises OSError."""
    if sys.platform == "win32":
        _extend_sparse(fd, size)
        return
    os.ftruncate(fd, size)
    if sys.platform == "linux" and size:
        _fallocate(fd, size)


def allocated(path: Path) -> int:
    """Bytes that the disk has given for the file `path`, at most its size. Raises OSError."""
    found = os.lstat(path)
    if sys.platform == "win32":
        return min(_given_on_windows(path), found.st_size)
    return min(found.st_blocks * 512, found.st_size)


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


if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _SET_SPARSE = 0x900C4  # FSCTL_SET_SPARSE
    _END_OF_FILE = 6  # FileEndOfFileInfo
    _INVALID_SIZE = 0xFFFFFFFF

    def _extend_sparse(fd: int, size: int) -> None:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(fd))
        given = wintypes.DWORD()
        kernel.DeviceIoControl(handle, _SET_SPARSE, None, 0, None, 0, ctypes.byref(given), None)  # FAT has none
        end = ctypes.c_longlong(size)
        if not kernel.SetFileInformationByHandle(handle, _END_OF_FILE, ctypes.byref(end), ctypes.sizeof(end)):
            os.ftruncate(fd, size)  # slower, and says what is wrong

    def _given_on_windows(path: Path) -> int:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetCompressedFileSizeW.restype = wintypes.DWORD
        high = wintypes.DWORD()
        low: int = kernel.GetCompressedFileSizeW(str(path), ctypes.byref(high))
        if low == _INVALID_SIZE and ctypes.get_last_error():
            raise ctypes.WinError(ctypes.get_last_error())
        return (high.value << 32) + low
