"""Disk: what is asked of the place where files go: free space, permission, and that it is there for good."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from pathlib import Path

from ..errors import DiskError
from ..message import Message
from ..text import human_size, shown_path
from .kind import MACOS, WINDOWS

_FULL_SYNC = 51
"""F_FULLFSYNC, which Python tells on macOS only."""


def check_free(directory: Path, needed: int) -> None:
    """Raises DiskError when `directory`'s file system has less than `needed` bytes for us."""
    try:
        total, _, free = shutil.disk_usage(directory)
    except OSError as error:
        raise DiskError.of("look at", directory, error) from None
    if free < needed and total:  # some network file systems say 0 of 0
        raise DiskError(
            "wanted {} free in {}, got {}",
            human_size(needed),
            shown_path(directory),
            human_size(free),
            remedy=Message("free {} more there, or choose another place with -o", human_size(needed - free)),
        )


def check_writable(directory: Path) -> None:
    """Raises OSError where no name can be made: a file that is there could be filled, but not published."""
    os.stat(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        code = errno.EROFS if _is_read_only(directory) else errno.EACCES
        raise OSError(code, os.strerror(code))


def _is_read_only(directory: Path) -> bool:
    if WINDOWS:
        return False
    return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)


def sync_data(fd: int) -> None:
    """Come back when what was written to the file, and its size, is on stable storage. Raises OSError."""
    if WINDOWS:
        os.fsync(fd)
    elif MACOS:
        sync_fully(fd)
    else:
        os.fdatasync(fd)


if not WINDOWS:

    def sync_fully(fd: int) -> None:
        """As macOS wants it, where fsync leaves the data in the drive's cache; by that where no more is to be had."""
        import fcntl

        try:
            fcntl.fcntl(fd, _FULL_SYNC)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
            os.fsync(fd)


def make_directory(path: Path) -> None:
    """That alone: where what it should stand in has gone away, another must not be made in its place.

    Raises OSError, also for anything but a directory that is there.
    """
    refuse_no_directory(path)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)


def refuse_no_directory(path: Path) -> None:
    """A link in place of a directory would take our files to another place. Raises OSError."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, Message("{} is not a directory", shown_path(path.name)))


def sync_directory(directory: Path) -> None:
    """Come back when names made in `directory` are on stable storage, where the system has a way to say so."""
    if WINDOWS:
        return
    try:
        fd = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # a network share has no such call
                raise
        finally:
            os.close(fd)
    except OSError as error:
        raise DiskError.of("sync the directory", directory, error) from None
