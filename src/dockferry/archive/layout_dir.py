"""Layout directory: the destination that is an OCI image layout, a new one or one that gets another image.

Strategy: nothing that is there is touched before `publish`. Until then a blob is a part file under `DIR/.dockferry`;
then the blobs are renamed to their places, and `index.json`, which makes them an image, is replaced last.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from ..errors import ContentError, DiskError
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..text import shown_path
from . import disk, layout
from .content import Content
from .part_file import PartFile, refuse_irregular
from .plan import check_range
from .random_access import PositionalFile, random_access

WORK_DIRECTORY = ".dockferry"


class LayoutDir:
    """A destination (`transfer.protocols.Destination`) at the directory `path`.

    Life: as ArchiveFile's. A blob that is there already, with the right size, is `present`: it is read where it is
    and not fetched. Should it turn out wrong, writing to it makes it anew, and `publish` replaces it.
    """

    def __init__(self, path: Path, content: Content) -> None:
        self.path = path
        self.content = content
        self.work = path / WORK_DIRECTORY
        self.existed = False
        self._lock = threading.Lock()
        self._parts: Dict[Digest, PartFile] = {}
        self._present: Dict[Digest, PositionalFile] = {}
        self._retired: List[PositionalFile] = []
        self._is_new = False

    @property
    def blobs(self) -> Tuple[Descriptor, ...]:
        """What is to be there, each once."""
        return self.content.blobs

    @property
    def identity(self) -> str:
        """Equal for equal images under equal names."""
        entry = layout.index_json([layout.entry(self.content)])
        return hashlib.sha256(b"dockferry layout 1\n" + entry).hexdigest()

    def open(self) -> None:
        """Make or find the directory, and room for every blob that it has not.

        `existed` says afterwards whether an unfinished blob of the right size was found. Raises DiskError for a
        directory that holds something else, ContentError for a layout that is broken.
        """
        try:
            self._open_directory()
            for blob in self.blobs:
                self._find(blob)
            parts = {blob.digest: self._new_part(blob) for blob in self.blobs if not self.present(blob)}
            disk.check_free(self.path, sum(part.room() for part in parts.values()))
            for digest, part in parts.items():
                self._parts[digest] = part
                part.open()
            self.existed = any(part.existed for part in parts.values())
            for directory in (self.work, self.path, self.path.parent):
                disk.sync_directory(directory)
        except OSError as error:
            self._give_up()
            raise DiskError.of("make", self.path, error) from None
        except (DiskError, ContentError):
            self._give_up()
            raise

    def present(self, blob: Descriptor) -> bool:
        """A whole blob that was there before, its size right and its digest for the caller to prove."""
        return blob.digest in self._present

    def write(self, blob: Descriptor, offset: int, data: memoryview) -> None:
        """Put all of `data` at `offset` of `blob`."""
        check_range(blob, offset, len(data))
        self._part(blob).write(offset, data)

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        """Read back from `offset` of `blob`; how many bytes came, never more than the blob has."""
        check_range(blob, offset, 0)
        view = view[: blob.size - offset]
        found = self._present.get(blob.digest)
        if found is None:
            return self._part(blob).readinto(offset, view)
        try:
            return found.readinto(offset, view)
        except OSError as error:
            raise DiskError.of("read", self.path / layout.blob_path(blob.digest), error) from None

    def sync(self) -> None:
        """Come back when everything that was written is on stable storage."""
        for part in self._written():
            part.sync()

    def publish(self, overwrite: bool = False) -> None:
        """The image is in the layout, synced. The caller has proved every blob.

        An entry of the same name and platform gives way to this one, whatever `overwrite` says: its blobs stay.
        """
        self.sync()
        self._close_readers()
        try:
            for name in ("", *self._algorithms()):
                _make_directory(self.path / "blobs" / name)
            disk.sync_directory(self.path / "blobs")
            disk.sync_directory(self.path)  # before a blob that was safe moves there
            for digest, part in list(self._parts.items()):
                part.publish(self.path / layout.blob_path(digest), overwrite=True)
            for descriptor, data in self._documents():
                self._put(layout.blob_path(descriptor.digest), data)
            for algorithm in self._algorithms():
                disk.sync_directory(self.path / "blobs" / algorithm)
            self._publish_index()
        except OSError as error:
            raise DiskError.of("add to", self.path, error) from None
        finally:
            self.close()
        with contextlib.suppress(OSError):  # not empty: the caller's journal is there
            os.rmdir(self.work)

    def close(self) -> None:
        """Close; what is unfinished stays, for the next run."""
        with self._lock:
            for part in self._parts.values():
                part.close()
            self._parts = {}
        self._close_readers()

    def _close_readers(self) -> None:
        """Of blobs that were there before: Windows replaces no file that is open."""
        with self._lock:
            for file in (*self._present.values(), *self._retired):
                with contextlib.suppress(OSError):
                    os.close(file.fd)
            self._present, self._retired = {}, []

    def _give_up(self) -> None:
        """`open` failed: what earlier runs left stays, what this one made goes."""
        for part in self._written():
            if not part.existed:
                part.discard()
        self.close()
        with contextlib.suppress(OSError):
            os.rmdir(self.work)
            if self._is_new:
                os.rmdir(self.path)

    def _open_directory(self) -> None:
        if not os.path.lexists(self.path):
            os.mkdir(self.path)
            self._is_new = True
        elif not os.path.isdir(self.path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        disk.check_writable(self.path)
        names = set(os.listdir(self.path))
        if layout.OCI_LAYOUT_FILE in names:
            layout.check_oci_layout(self._read(layout.OCI_LAYOUT_FILE) or b"", self._what(layout.OCI_LAYOUT_FILE))
            self._merged_index()
        elif names and WORK_DIRECTORY not in names:
            raise DiskError(
                f"wanted an OCI layout or an empty directory, got {shown_path(self.path)} with other files in it",
                remedy="choose another directory with -o",
            )
        _make_directory(self.work)
        for directory in (self.path / "blobs", *(self.path / "blobs" / name for name in self._algorithms())):
            _refuse_no_directory(directory)

    def _find(self, blob: Descriptor) -> None:
        """Open the blob if it is there with its size."""
        path = self.path / layout.blob_path(blob.digest)
        refuse_irregular(path)
        try:
            fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return
        if os.fstat(fd).st_size == blob.size:
            self._present[blob.digest] = random_access(fd)
        else:
            os.close(fd)

    def _part(self, blob: Descriptor) -> PartFile:
        """The part file of `blob`; made now where the blob was present and has to be written after all."""
        with self._lock:
            part = self._parts.get(blob.digest)
            if part is not None and part.size == blob.size:
                return part
            old = self._present.pop(blob.digest, None)
            if part is not None or old is None:
                raise ContentError(f"blob {blob.digest} of {blob.size} bytes is not part of this image")
            self._retired.append(old)  # another thread may be reading it
            part = self._new_part(blob)
            part.open()
            self._parts[blob.digest] = part
            return part

    def _new_part(self, blob: Descriptor) -> PartFile:
        return PartFile(self.work / f"{blob.digest.algorithm}-{blob.digest.hex}.part", blob.size)

    def _written(self) -> List[PartFile]:
        with self._lock:
            return list(self._parts.values())

    def _documents(self) -> Tuple[Tuple[Descriptor, bytes], ...]:
        manifest = self.content.manifest
        return (manifest.config, self.content.config), (manifest.descriptor, manifest.raw)

    def _algorithms(self) -> List[str]:
        documents = [descriptor for descriptor, _ in self._documents()]
        return sorted({blob.digest.algorithm for blob in (*self.blobs, *documents)})

    def _publish_index(self) -> None:
        if self._read(layout.OCI_LAYOUT_FILE) is None:
            self._put(layout.OCI_LAYOUT_FILE, layout.oci_layout())
        self._put(layout.INDEX_FILE, self._merged_index())
        disk.sync_directory(self.path)

    def _merged_index(self) -> bytes:
        entry = layout.entry(self.content)
        return layout.merged_index(self._read(layout.INDEX_FILE), entry, self._what(layout.INDEX_FILE))

    def _put(self, name: str, data: bytes) -> None:
        """The file `name` has `data`, from one instant on."""
        final = self.path / name
        refuse_irregular(final)
        part = PartFile(self.work / (final.name + ".part"), len(data))
        part.open()
        try:
            part.write(0, memoryview(data))
            part.publish(final, overwrite=True)
        finally:
            part.close()

    def _read(self, name: str) -> Optional[bytes]:
        path = self.path / name
        refuse_irregular(path)
        try:
            with open(path, "rb") as file:
                return file.read(layout.MAX_INDEX + 1)
        except FileNotFoundError:
            return None

    def _what(self, name: str) -> str:
        return shown_path(self.path / name)


def _make_directory(path: Path) -> None:
    """That alone: where what it should stand in has gone away, another must not be made in its place."""
    _refuse_no_directory(path)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)


def _refuse_no_directory(path: Path) -> None:
    """A link in place of a directory would take our files to another place."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{path.name} is not a directory")
