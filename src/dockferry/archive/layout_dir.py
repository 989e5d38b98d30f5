"""Layout directory: the destination that is an OCI image layout, a new one or one that gets another image.

Strategy: nothing that is there is touched before `publish`. Until then a blob is a part file under `DIR/.dockferry`;
then the blobs are renamed to their places, and `index.json`, which makes them an image, is replaced last.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Dict, List, Tuple

from ..errors import ContentError, DiskError
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..system import disk
from . import layout
from .content import Content
from .layout_files import LayoutFiles
from .part_file import PartFile
from .plan import check_range
from .present import PresentBlobs


class LayoutDir:
    """A destination (`transfer.protocols.Destination`) at the directory `path`.

    Life: as ArchiveFile's. A blob that is there already, with the right size, is `present`: it is read where it is
    and not fetched. Should it turn out wrong, writing to it makes it anew, and `publish` replaces it.
    """

    def __init__(self, path: Path, content: Content) -> None:
        self.path = path
        self.content = content
        self.existed = False
        self._files = LayoutFiles(path)
        self._entry = layout.entry(content)
        self._lock = threading.Lock()
        self._parts: Dict[Digest, PartFile] = {}
        self._present = PresentBlobs(path)
        self._is_new = False

    @property
    def blobs(self) -> Tuple[Descriptor, ...]:
        """What is to be there, each once."""
        return self.content.blobs

    @property
    def identity(self) -> str:
        """Equal for equal images under equal names."""
        return hashlib.sha256(b"dockferry layout 1\n" + layout.index_json([self._entry])).hexdigest()

    def open(self) -> None:
        """Make or find the directory, and room for every blob that it has not.

        `existed` says afterwards whether an unfinished blob of the right size was found. Raises DiskError for a
        directory that holds something else, ContentError for a layout that is broken.
        """
        try:
            self._open_directory()
            for blob in self.blobs:
                self._present.find(blob)
            parts = {blob.digest: self._new_part(blob) for blob in self.blobs if not self.present(blob)}
            disk.check_free(self.path, sum(part.room() for part in parts.values()))
            for digest, part in parts.items():
                self._parts[digest] = part
                part.open()
            self.existed = any(part.existed for part in parts.values())
            for directory in (self._files.work, self.path, self.path.parent):
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
        count = self._present.maybe_readinto(blob.digest, offset, view)
        return self._part(blob).readinto(offset, view) if count is None else count

    def sync(self) -> None:
        """Come back when everything that was written is on stable storage."""
        for part in self._written():
            part.sync()

    def publish(self, overwrite: bool = False) -> None:
        """The image is in the layout, synced. The caller has proved every blob.

        An entry of the same name and platform gives way to this one, whatever `overwrite` says: its blobs stay.
        """
        self.sync()
        self._close_present()
        try:
            self._files.make_directories(self._algorithms())
            for digest, part in list(self._parts.items()):
                part.publish(self.path / layout.blob_path(digest), overwrite=True)
            for descriptor, data in self._documents():
                self._files.put(layout.blob_path(descriptor.digest), data)
            for algorithm in self._algorithms():
                disk.sync_directory(self.path / "blobs" / algorithm)
            self._files.add(self._entry)
        except OSError as error:
            raise DiskError.of("add to", self.path, error) from None
        finally:
            self.close()
        with contextlib.suppress(OSError):  # not empty: the caller's journal is there
            os.rmdir(self._files.work)

    def close(self) -> None:
        """Close; what is unfinished stays, for the next run."""
        with self._lock:
            for part in self._parts.values():
                part.close()
            self._parts = {}
        self._close_present()

    def _close_present(self) -> None:
        with self._lock:
            self._present.close()

    def _give_up(self) -> None:
        """`open` failed: what earlier runs left stays, what this one made goes."""
        for part in self._written():
            if not part.existed:
                part.discard()
        self.close()
        with contextlib.suppress(OSError):
            os.rmdir(self._files.work)
            if self._is_new:
                os.rmdir(self.path)

    def _open_directory(self) -> None:
        if not os.path.lexists(self.path):
            os.mkdir(self.path)
            self._is_new = True
        elif not os.path.isdir(self.path):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        disk.check_writable(self.path)
        self._files.open(self._entry, self._algorithms())

    def _part(self, blob: Descriptor) -> PartFile:
        """The part file of `blob`; made now where the blob was present and has to be written after all."""
        with self._lock:
            part = self._parts.get(blob.digest)
            if part is not None and part.size == blob.size:
                return part
            if part is not None or not self._present.retire(blob.digest):
                raise ContentError("blob {} of {} bytes is not part of this image", blob.digest, blob.size)
            part = self._new_part(blob)
            part.open()
            self._parts[blob.digest] = part
            return part

    def _new_part(self, blob: Descriptor) -> PartFile:
        return PartFile(self._files.work / f"{blob.digest.algorithm}-{blob.digest.hex}.part", blob.size)

    def _written(self) -> List[PartFile]:
        with self._lock:
            return list(self._parts.values())

    def _documents(self) -> Tuple[Tuple[Descriptor, bytes], ...]:
        manifest = self.content.manifest
        return (manifest.config, self.content.config), (manifest.descriptor, manifest.raw)

    def _algorithms(self) -> List[str]:
        documents = [descriptor for descriptor, _ in self._documents()]
        return sorted({blob.digest.algorithm for blob in (*self.blobs, *documents)})
