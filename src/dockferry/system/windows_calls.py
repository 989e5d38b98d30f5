"""Windows' own calls, which Python has no function for. Each raises OSError, on other systems as "not there"."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any, Tuple

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _SET_SPARSE = 0x900C4  # FSCTL_SET_SPARSE
    _END_OF_FILE = 6  # FileEndOfFileInfo
    _INVALID_SIZE = 0xFFFFFFFF
    _TIME_OF_DAY = 3  # SystemTimeOfDayInformation

    def extend_sparse(fd: int, size: int) -> None:
        """The file is `size` bytes long, without blocks for what was not written; with them on FAT."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(fd))
        given = wintypes.DWORD()
        kernel.DeviceIoControl(handle, _SET_SPARSE, None, 0, None, 0, ctypes.byref(given), None)
        end = ctypes.c_longlong(size)
        if not kernel.SetFileInformationByHandle(handle, _END_OF_FILE, ctypes.byref(end), ctypes.sizeof(end)):
            raise ctypes.WinError(ctypes.get_last_error())

    def given_bytes(path: Path) -> int:
        """What the disk has given for the file."""
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.GetCompressedFileSizeW.restype = wintypes.DWORD
        high = wintypes.DWORD()
        low: int = kernel.GetCompressedFileSizeW(str(path), ctypes.byref(high))
        if low == _INVALID_SIZE and ctypes.get_last_error():
            raise ctypes.WinError(ctypes.get_last_error())
        return (high.value << 32) + low

    def boot_times() -> Tuple[int, int]:
        """When the system was started, and what changes of its clock have added to that, in 100 ns."""
        fields = (ctypes.c_longlong * 6)()
        query = ctypes.WinDLL("ntdll").NtQuerySystemInformation
        if query(_TIME_OF_DAY, ctypes.byref(fields), ctypes.sizeof(fields), None) != 0:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        return fields[0], fields[4]

    def ui_language() -> int:
        """The identifier of the language that the user has Windows in."""
        return int(ctypes.WinDLL("kernel32").GetUserDefaultUILanguage())

else:

    def _not_there(*_: object) -> Any:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    extend_sparse = given_bytes = boot_times = ui_language = _not_there
