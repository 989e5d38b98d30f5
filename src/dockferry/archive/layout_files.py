"""Layout files: an image layout on disk: what may stand in it, and how documents get there, each in one instant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional, Sequence

from ..errors import DiskError
from ..oci.descriptor import Descriptor
from ..system import disk
from ..text import shown_path
from . import layout
from .part_file import put, refuse_irregular


class LayoutFiles:
    """The layout at `path`. What is new is made under `work`, in it, and renamed.

    Raises OSError and DiskError, ContentError for a layout that is broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / layout.WORK_DIRECTORY

    def open(self, entry: Descriptor, algorithms: Sequence[str]) -> None:
        """Make `work`, in a directory to which `entry`, with blobs by these `algorithms`, can be added.

        Raises DiskError for one that holds something else than a layout.
        """
        names = set(os.listdir(self.path))
        if layout.OCI_LAYOUT_FILE in names:
            layout.check_oci_layout(self._read(layout.OCI_LAYOUT_FILE) or b"", self._what(layout.OCI_LAYOUT_FILE))
            self._merged_index(entry)
        elif names and layout.WORK_DIRECTORY not in names:
            raise DiskError(
                "wanted an OCI layout or an empty directory, got {} with other files in it",
                shown_path(self.path),
                remedy="choose another directory with -o",
            )
        disk.make_directory(self.work)
        for name in ("", *algorithms):
            disk.refuse_no_directory(self.path / "blobs" / name)

    def make_directories(self, algorithms: Sequence[str]) -> None:
        """Those for blobs, synced: before a blob that was safe moves there."""
        for name in ("", *algorithms):
            disk.make_directory(self.path / "blobs" / name)
        disk.sync_directory(self.path / "blobs")
        disk.sync_directory(self.path)

    def put(self, name: str, data: bytes) -> None:
        """The file `name` has `data`, from one instant on."""
        final = self.path / name
        put(final, data, self.work / (final.name + ".part"))

    def add(self, entry: Descriptor) -> None:
        """Make it an image: `entry` is in `index.json`, synced. Its blobs are there already."""
        if self._read(layout.OCI_LAYOUT_FILE) is None:
            self.put(layout.OCI_LAYOUT_FILE, layout.oci_layout())
        self.put(layout.INDEX_FILE, self._merged_index(entry))
        disk.sync_directory(self.path)

    def _merged_index(self, entry: Descriptor) -> bytes:
        return layout.merged_index(self._read(layout.INDEX_FILE), entry, self._what(layout.INDEX_FILE))

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
