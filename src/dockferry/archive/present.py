"""Present blobs: those that a layout has already, read where they are, until one turns out wrong."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Dict, List, Optional

from ..errors import DiskError
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..system.random_access import PositionalFile, open_file
from . import layout
from .part_file import refuse_irregular


class PresentBlobs:
    """In the layout at `path`. `maybe_readinto` is for many threads at once, all else for one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: Dict[Digest, PositionalFile] = {}
        self._retired: List[PositionalFile] = []

    def find(self, blob: Descriptor) -> None:
        """Open the blob if it is there with its size. Raises DiskError, OSError."""
        path = self._path / layout.blob_path(blob.digest)
        refuse_irregular(path)
        try:
            file = open_file(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        if os.fstat(file.fd).st_size == blob.size:
            self._open[blob.digest] = file
        else:
            os.close(file.fd)

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._open

    def maybe_readinto(self, digest: Digest, offset: int, view: memoryview) -> Optional[int]:
        """How many bytes came from `offset` on; None where the blob is not present. Raises DiskError."""
        found = self._open.get(digest)
        if found is None:
            return None
        try:
            return found.readinto(offset, view)
        except OSError as error:
            raise DiskError.of("read", self._path / layout.blob_path(digest), error) from None

    def retire(self, digest: Digest) -> bool:
        """It is read no more, for it is made anew; whether it was present. Another thread may be reading it yet."""
        found = self._open.pop(digest, None)
        if found is not None:
            self._retired.append(found)
        return found is not None

    def close(self) -> None:
        """None is present any more. Windows replaces no file that is open."""
        for file in (*self._open.values(), *self._retired):
            with contextlib.suppress(OSError):
                os.close(file.fd)
        self._open, self._retired = {}, []
