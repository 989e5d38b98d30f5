"""Part file: `NAME.part`, a file of known size that is filled in any order and then published under its name."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Optional

from ..errors import DiskError
from ..message import Message
from ..system import disk
from ..system.preallocate import allocated, preallocate
from ..system.random_access import PositionalFile, open_file
from ..system.rename import rename_new
from ..system.undisturbed import undisturbed
from ..text import shown_path

_FLAGS = os.O_RDWR | os.O_CREAT


class PartFile:
    """Life: `open`, then `write`, `readinto` and `sync` from many threads, then `publish` or `discard` or `close`.

    `existed`: an unfinished file of the right size was found, and its bytes are still there. Any other file of that
    name is made anew. All methods raise DiskError.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.existed = False
        self._file: Optional[PositionalFile] = None
        self._failure: Optional[DiskError] = None

    def open(self) -> None:
        try:
            self._open()
        except OSError as error:
            self.close()
            raise DiskError.of("make", self.path, error) from None
        except DiskError:
            self.close()
            raise

    def _open(self) -> None:
        refuse_irregular(self.path)
        disk.check_writable(self.path.parent)
        self._file = file = open_file(self.path, _FLAGS)
        found = os.fstat(file.fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, Message("not a regular file"))
        if found.st_nlink > 1:
            # A run that was killed while it published: the finished file is this one, and stays as it is.
            self.close()
            os.unlink(self.path)
            self._file = file = open_file(self.path, _FLAGS | os.O_EXCL)
            found = os.fstat(file.fd)
        self.existed = found.st_size == self.size > 0
        try:
            if not self.existed:
                os.ftruncate(file.fd, 0)
            disk.check_free(self.path.parent, self.room())
            preallocate(file.fd, self.size)
        except (OSError, DiskError):
            if not self.existed:
                self.discard()
            raise

    def room(self) -> int:
        """Bytes that the disk has yet to give for this file, in whatever state it is."""
        try:
            return max(0, self.size - allocated(self.path))
        except OSError:
            return self.size

    def write(self, offset: int, data: memoryview) -> None:
        try:
            self._open_file().write(offset, data)
        except OSError as error:
            raise DiskError.of("write", self.path, error) from None

    def readinto(self, offset: int, view: memoryview) -> int:
        try:
            return self._open_file().readinto(offset, view)
        except OSError as error:
            raise DiskError.of("read", self.path, error) from None

    def resize(self, size: int) -> None:
        """The file has this `size`, which was not known when it was opened, with a size of 0."""
        try:
            os.ftruncate(self._open_file().fd, size)
        except OSError as error:
            raise DiskError.of("write", self.path, error) from None
        self.size = size

    def sync(self) -> None:
        """After one failure always a failure: the system forgets which pages it could not write."""
        if self._failure is not None:
            raise self._failure
        try:
            disk.sync_data(self._open_file().fd)
        except OSError as error:
            self._failure = DiskError.of("sync", self.path, error)
            raise self._failure from None

    def publish(self, final: Path, *, overwrite: bool) -> None:
        """Synced and closed, then named `final`. Nothing that has this name is lost, unless `overwrite` says so."""
        self.sync()
        self._check_unswapped()
        self.close()
        try:
            if overwrite:
                undisturbed(lambda: os.replace(self.path, final))
            else:
                rename_new(self.path, final)
        except FileExistsError:
            raise DiskError(
                "{} is there already, and stays as it is",
                shown_path(final),
                remedy="move it away, choose another name with -o, or overwrite it with --force",
            ) from None
        except OSError as error:
            raise DiskError.of("rename to", final, error) from None

    def discard(self) -> None:
        """Closed and removed."""
        self.close()
        try:
            undisturbed(lambda: os.unlink(self.path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise DiskError.of("remove", self.path, error) from None

    def close(self) -> None:
        """Closed; what was written stays for the next run."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # data that matters was synced, which said what there was to say
                os.close(file.fd)

    def _check_unswapped(self) -> None:
        """What has our name must be what we wrote: another file put in its place was never proved."""
        ours = os.fstat(self._open_file().fd)
        try:
            there: Optional[os.stat_result] = os.lstat(self.path)
        except OSError:
            there = None
        if there is None or not os.path.samestat(ours, there) or there.st_size != self.size:
            raise DiskError.changed(shown_path(self.path))

    def _open_file(self) -> PositionalFile:
        if self._file is None:
            raise DiskError("{} is not open", shown_path(self.path))
        return self._file


def put(final: Path, data: bytes, part: Path) -> None:
    """The file `final` has `data`, synced, from one instant on; until then `part` has it. Raises DiskError."""
    refuse_irregular(final)
    file = PartFile(part, len(data))
    file.open()
    try:
        file.write(0, memoryview(data))
        file.publish(final, overwrite=True)
    finally:
        file.close()


def refuse_irregular(path: Path) -> None:
    """Raises DiskError when `path` is there and is a symbolic link, a directory, a device or a pipe."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise DiskError.of("look at", path, error) from None
    if not stat.S_ISREG(mode):
        kind = Message("a special file")
        if stat.S_ISLNK(mode) or stat.S_ISDIR(mode):
            kind = Message("a symbolic link") if stat.S_ISLNK(mode) else Message("a directory")
        raise DiskError("wanted a file at {}, got {}", shown_path(path), kind, remedy="choose another name with -o")
