"""Layer sink: a plain layer that comes in order into a part file, from some offset of it on."""

from __future__ import annotations

from typing import Callable

from .part_file import PartFile


class LayerSink:
    """A layer in the open `file`, from `start` on (see `plain_form.Sink`).

    `finish` is called with the layer's size, `discard` where that was not, or did not go well.
    """

    def __init__(
        self, file: PartFile, start: int, finish: Callable[[int], None], discard: Callable[[], None]
    ) -> None:
        self._file, self._start, self._size = file, start, 0
        self._finish, self._discard = finish, discard
        self._is_over = False

    def write(self, data: bytes) -> None:
        self._file.write(self._start + self._size, memoryview(data))
        self._size += len(data)

    def finish(self) -> None:
        self._finish(self._size)
        self._is_over = True

    def discard(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._discard()
