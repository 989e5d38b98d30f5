"""Legacy tar: one tar of plain layers, whose sizes show only when they are unpacked.

Strategy: layers stand in the manifest's order. The next one in order goes straight to its place, and its header is
written when its size is known. One that comes before its turn waits in a file beside, and is copied when its turn
comes. Packed are only layers that were found right; what an earlier run had unpacked is unpacked anew.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from pathlib import Path
from typing import Dict, FrozenSet, Generator, Optional

from ..errors import DiskError
from ..oci.reference import Reference
from ..system import disk
from ..text import shown_path
from . import tar
from .byte_file import PlainFile, chunks, read_exactly
from .content import Content
from .layer_sink import LayerSink
from .left_over import remove_tar_part, tar_part, waiting_part
from .legacy import LegacyPlan, Places
from .part_file import PartFile, refuse_irregular


class LegacyTar:
    """The tar of `content` at `path` (see `plain_form.PlainForm`). Raises as `plain_layers` does."""

    def __init__(self, path: Path, content: Content) -> None:
        self.path = path
        self.plan = LegacyPlan.of(content)
        self.layers = self.plan.layers
        self.kept: FrozenSet[int] = frozenset()
        self._file = PartFile(tar_part(path), 0)
        self._beside = waiting_part(path)
        self._is_open = False
        self._found: Optional[Places] = None
        """Where the layers stand in the tar that has the final name."""
        self._lock = threading.Lock()
        self._next, self._offset = 0, 0
        """The layer whose turn it is, and where the bytes before its header begin."""
        self._is_tail_taken = False
        self._waiting: Dict[int, int] = {}

    def open(self, beside: int = 0) -> None:
        refuse_irregular(self.path)
        remove_tar_part(self.path)  # before room is asked for
        disk.check_free(self.path.parent, sum(layer.blob.size for layer in self.layers) + beside)
        self._is_open = True
        try:
            disk.make_directory(self._beside)
        except OSError as error:
            raise DiskError.of("make", self._beside, error) from None
        self._file.open()

    def stored(self, number: int) -> Generator[bytes, None, None]:
        if self._found is None and not self.holds():
            raise DiskError.changed(shown_path(self.path))
        assert self._found is not None
        offset, size = self._found[number]
        with contextlib.closing(PlainFile(self.path)) as file:
            yield from chunks(file, offset, offset + size)

    def sink(self, number: int) -> LayerSink:
        """The layer whose turn it is goes to its place, another one to a file beside."""
        with self._lock:
            if number == self._next and not self._is_tail_taken:
                self._is_tail_taken = True
                return self._tail_sink(number)
        return self._waiting_sink(number)

    def publish(self, overwrite: bool = False) -> None:
        assert self._next == len(self.layers), "a layer is missing"
        end = self.plan.fixed[-1]
        self._file.write(self._offset, memoryview(end))
        self._file.resize(self._offset + len(end))
        self._file.publish(self.path, overwrite=overwrite)
        disk.sync_directory(self.path.parent)

    def close(self) -> None:
        """Nothing that is unfinished is of use to the next run: its layers are unpacked anew."""
        self._file.close()
        if self._is_open:
            with contextlib.suppress(DiskError):  # the next run removes it
                remove_tar_part(self.path)

    def holds(self) -> bool:
        """The layers' bytes are not looked at: what has its final name was complete and verified when it got it."""
        self._found = None
        try:
            if not stat.S_ISREG(os.lstat(self.path).st_mode):
                return False
        except OSError:
            return False
        with contextlib.closing(PlainFile(self.path)) as file:
            read = lambda offset, size: read_exactly(file, offset, size)  # noqa: E731
            self._found = self.plan.maybe_places(read, file.size())
        return self._found is not None

    def refuse_existing(self, image: Reference, overwrite: bool) -> None:
        """A file is the target's to look at."""
        refuse_irregular(self.path)

    def _tail_sink(self, number: int) -> LayerSink:
        start = self._data_offset()

        def finish(size: int) -> None:
            self._file.sync()
            self._passed(size)

        def discard() -> None:
            """No byte of it stays: it may have been a bomb, and other layers need the room."""
            if number == self._next:
                self._file.resize(start)
                with self._lock:
                    self._is_tail_taken = False

        return LayerSink(self._file, start, finish, discard)

    def _waiting_sink(self, number: int) -> LayerSink:
        file = PartFile(self._path_beside(number), 0)
        file.open()

        def finish(size: int) -> None:
            file.close()
            self._waits(number, size)

        return LayerSink(file, 0, finish, file.discard)

    def _passed(self, size: int) -> None:
        """Whoever has the tail has written the layer whose turn it was: what waits for its turn has it now."""
        while True:
            self._seal(size)
            with self._lock:
                self._next += 1
                waiting = self._waiting.pop(self._next, None)
                self._is_tail_taken = waiting is not None
            if waiting is None:
                return
            size = waiting
            self._copy(self._next, size)

    def _waits(self, number: int, size: int) -> None:
        """A layer has finished in its file beside."""
        with self._lock:
            is_turn = number == self._next and not self._is_tail_taken
            if not is_turn:
                self._waiting[number] = size
            self._is_tail_taken = self._is_tail_taken or is_turn
        if is_turn:
            self._copy(number, size)
            self._passed(size)

    def _data_offset(self) -> int:
        return self._offset + len(self.plan.fixed[self._next]) + tar.BLOCK

    def _seal(self, size: int) -> None:
        """Write all that stands around a layer of `size` bytes at the tail."""
        before = self.plan.fixed[self._next] + self.plan.header(self._next, size)
        end = self._offset + len(before) + size
        self._file.write(self._offset, memoryview(before))
        self._file.write(end, memoryview(tar.padding(size)))
        self._offset = end + len(tar.padding(size))

    def _copy(self, number: int, size: int) -> None:
        """From the file beside to the tail, synced."""
        path, offset = self._path_beside(number), self._data_offset()
        end = offset + size
        with contextlib.closing(PlainFile(path)) as source:
            for data in chunks(source, 0, size):
                self._file.write(offset, memoryview(data))
                offset += len(data)
        if offset != end:
            raise DiskError.changed(shown_path(path))
        self._file.sync()
        with contextlib.suppress(OSError):  # `close` removes it
            path.unlink()

    def _path_beside(self, number: int) -> Path:
        return self._beside / str(number)
