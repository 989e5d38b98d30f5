"""Legacy tar: one tar of plain layers, whose sizes show only when they are unpacked.

Strategy: layers stand in the manifest's order. The next one in order goes straight to its place, and its header is
written when its size is known. One that comes before its turn waits in a file beside, and is copied when its turn
comes. Packed are only layers that were found right; what an earlier run had unpacked is unpacked anew.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from pathlib import Path
from typing import BinaryIO, Dict, FrozenSet, Iterator, Tuple, Union

from ..errors import DiskError
from ..oci.reference import Reference
from ..system import disk
from ..text import shown_path
from . import tar
from .byte_file import PlainFile, read_exactly
from .content import Content
from .legacy import LegacyPlan
from .part_file import PartFile, refuse_irregular

_WAITING = re.compile(r"[0-9]+")
_COPY = 1024 * 1024


class LegacyTar:
    """The tar of `content` at `path` (see `plain_form.PlainForm`). Raises as `plain_layers` does."""

    def __init__(self, path: Path, content: Content) -> None:
        self.path = path
        self.plan = LegacyPlan.of(content)
        self.layers = self.plan.layers
        self.kept: FrozenSet[int] = frozenset()
        self._file = PartFile(path.with_name(path.name + ".plain.part"), 0)
        self._beside = path.with_name(path.name + ".plain.part.layers")
        self._lock = threading.Lock()
        self._next, self._offset = 0, 0
        """The layer whose turn it is, and where the bytes before its header begin."""
        self._is_tail_taken = False
        self._waiting: Dict[int, int] = {}

    def open(self, beside: int = 0) -> None:
        refuse_irregular(self.path)
        try:
            self._clear()
            disk.check_free(self.path.parent, sum(layer.blob.size for layer in self.layers) + beside)
            disk.make_directory(self._beside)
        except OSError as error:
            raise DiskError.of("make", self._beside, error) from None
        self._file.open()

    def read(self, number: int) -> BinaryIO:
        raise NotImplementedError("no layer is kept")

    def sink(self, number: int) -> Union[TailSink, WaitingSink]:
        with self._lock:
            if number == self._next and not self._is_tail_taken:
                self._is_tail_taken = True
                return TailSink(self, self._file, self._data_offset())
        return WaitingSink(self, number, self._path_beside(number))

    def publish(self, overwrite: bool = False) -> None:
        assert self._next == len(self.layers), "a layer is missing"
        end = self.plan.fixed[-1]
        self._file.write(self._offset, memoryview(end))
        self._file.resize(self._offset + len(end))
        self._file.publish(self.path, overwrite=overwrite)
        disk.sync_directory(self.path.parent)
        self.tidy()

    @property
    def left_over(self) -> Tuple[Path, ...]:
        return (self._file.path, self._beside)

    def tidy(self) -> None:
        self._file.discard()
        try:
            self._clear()
        except OSError as error:
            raise DiskError.of("remove", self._beside, error) from None

    def close(self) -> None:
        self._file.close()

    def holds(self) -> bool:
        """The layers' bytes are not looked at: what has its final name was complete and verified when it got it."""
        if not os.path.isfile(self.path) or os.path.islink(self.path):
            return False
        file = PlainFile(self.path)
        try:
            found = self.plan.maybe_found(lambda offset, size: read_exactly(file, offset, size))
        finally:
            file.close()
        return found is not None and found.size == os.path.getsize(self.path)

    def refuse_existing(self, image: Reference, overwrite: bool) -> None:
        """A file is the target's to look at."""
        refuse_irregular(self.path)

    def is_good(self) -> bool:
        file = PlainFile(self.path)
        try:
            found = self.plan.maybe_found(lambda offset, size: read_exactly(file, offset, size))
            places = found.places if found else ()
            return all(self._is_right(file, number, *place) for number, place in enumerate(places))
        finally:
            file.close()

    def _is_right(self, file: PlainFile, number: int, offset: int, size: int) -> bool:
        return self.layers[number].diff_id.is_of(_range(file, offset, offset + size))

    def passed(self, size: int) -> None:
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

    def waits(self, number: int, size: int) -> None:
        """A layer has finished in its file beside."""
        with self._lock:
            is_turn = number == self._next and not self._is_tail_taken
            if not is_turn:
                self._waiting[number] = size
            self._is_tail_taken = self._is_tail_taken or is_turn
        if is_turn:
            self._copy(number, size)
            self.passed(size)

    def let_go(self) -> None:
        """Whoever has the tail gives it back, with nothing written that counts."""
        with self._lock:
            self._is_tail_taken = False

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
        """From the file beside to the tail."""
        path, start = self._path_beside(number), self._data_offset()
        source = PlainFile(path)
        try:
            view, done = memoryview(bytearray(_COPY)), 0
            while done < size:
                count = source.readinto(done, view[: size - done])
                if not count:
                    raise DiskError(
                        "{} was changed or moved by another program", shown_path(path), remedy="run again"
                    )
                self._file.write(start + done, view[:count])
                done += count
        finally:
            source.close()
        with contextlib.suppress(OSError):  # the next run removes it
            path.unlink()

    def _path_beside(self, number: int) -> Path:
        return self._beside / str(number)

    def _clear(self) -> None:
        disk.refuse_no_directory(self._beside)
        if os.path.lexists(self._beside):
            for name in filter(_WAITING.fullmatch, os.listdir(self._beside)):
                (self._beside / name).unlink()
            self._beside.rmdir()


def _range(file: PlainFile, offset: int, end: int) -> Iterator[memoryview]:
    """The bytes of `file` from `offset` to `end`, or to its own end."""
    view = memoryview(bytearray(_COPY))
    while offset < end:
        count = file.readinto(offset, view[: end - offset])
        if not count:
            return
        yield view[:count]
        offset += count


class TailSink:
    """The layer whose turn it is (see `plain_form.Sink`): in its place."""

    def __init__(self, tar: LegacyTar, file: PartFile, start: int) -> None:
        self._tar, self._file = tar, file
        self._start, self._size = start, 0
        self._is_over = False

    def write(self, data: bytes) -> None:
        self._file.write(self._start + self._size, memoryview(data))
        self._size += len(data)

    def finish(self) -> None:
        self._is_over = True
        self._tar.passed(self._size)

    def discard(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._tar.let_go()


class WaitingSink:
    """A layer before its turn (see `plain_form.Sink`): in a file beside."""

    def __init__(self, tar: LegacyTar, number: int, path: Path) -> None:
        self._tar, self._number = tar, number
        self._file, self._size = PartFile(path, 0), 0
        self._is_over = False
        self._file.open()

    def write(self, data: bytes) -> None:
        self._file.write(self._size, memoryview(data))
        self._size += len(data)

    def finish(self) -> None:
        self._is_over = True
        self._file.close()
        self._tar.waits(self._number, self._size)

    def discard(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._file.discard()
