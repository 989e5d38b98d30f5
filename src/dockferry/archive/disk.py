"""Disk: what the operating system says of a file, told as DiskError with a remedy; free space; directory sync."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from ..errors import DiskError
from ..text import clean, human_size

_ELSEWHERE = "choose another place with -o"
_REMEDIES = {
    errno.ENOSPC: "free some space, then run again: what was downloaded is kept",
    errno.EACCES: f"you may not write there: {_ELSEWHERE}",
    errno.EPERM: f"you may not write there: {_ELSEWHERE}",
    errno.EROFS: f"the file system is read-only: {_ELSEWHERE}",
    errno.EIO: f"the disk fails: look at the system's log, and {_ELSEWHERE}",
    errno.EFBIG: f"the file system (FAT: 4 GiB) or a limit (ulimit -f) allows no file this large: {_ELSEWHERE}",
    errno.ENOENT: "make the directory first",
    errno.ENOTDIR: _ELSEWHERE,
    errno.EISDIR: _ELSEWHERE,
    errno.ELOOP: f"a symbolic link is in the way: {_ELSEWHERE}",
    errno.ENAMETOOLONG: "choose a shorter name with -o",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}
_REMEDIES[getattr(errno, "EDQUOT", errno.ENOSPC)] = _REMEDIES[errno.ENOSPC]


def disk_error(error: OSError, doing: str, path: Path, *, remedy: str = "") -> DiskError:
    """`doing` `path` failed with `error`; `remedy` where the usual one, for a target, does not fit."""
    said = error.strerror or type(error).__name__
    return DiskError(f"{doing} {shown(path)}: {clean(said)}", remedy=remedy or _REMEDIES.get(error.errno or 0, ""))


def shown(path: Path) -> str:
    """A path fit for a message."""
    return clean(str(path), 500)


def check_free(directory: Path, needed: int) -> None:
    """Raises DiskError when `directory`'s file system has less than `needed` bytes for us."""
    try:
        total, _, free = shutil.disk_usage(directory)
    except OSError as error:
        raise disk_error(error, "looking at", directory) from None
    if free < needed and total:  # some network file systems say 0 of 0
        raise DiskError(
            f"wanted {human_size(needed)} free in {shown(directory)}, got {human_size(free)}",
            remedy=f"free {human_size(needed - free)} more there, or {_ELSEWHERE}",
        )


def check_writable(directory: Path) -> None:
    """Raises OSError where no name can be made: a file that is there could be filled, but not published."""
    os.stat(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        is_read_only = hasattr(os, "statvfs") and os.statvfs(directory).f_flag & os.ST_RDONLY
        code = errno.EROFS if is_read_only else errno.EACCES
        raise OSError(code, os.strerror(code))


def sync_directory(directory: Path) -> None:
    """Come back when names made in `directory` are on stable storage, where the system has a way to say so."""
    if os.name == "nt":
        return
    try:
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (
                errno.EINVAL,
                errno.ENOTSUP,
                errno.EBADF,
            ):  # network file systems have no such call
                raise
        finally:
            os.close(fd)
    except OSError as error:
        raise disk_error(error, "syncing the directory", directory) from None
