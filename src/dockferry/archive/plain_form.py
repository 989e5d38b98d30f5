"""Plain form: what the layers of an image make when they are unpacked: a layer tree, or a legacy tar.

Strategy: a layer comes in order, from one thread, into a sink of its own. It counts when its sink has finished,
which is after its diff_id was found right. All get the final name together.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import FrozenSet, Generator, Protocol, Tuple

from ..errors import DockferryError
from ..oci.reference import Reference
from .plain_layers import PlainLayer


class Sink(Protocol):
    """One layer on its way. Used by one thread. Raises DiskError."""

    def write(self, data: bytes) -> None:
        """The next bytes."""

    def finish(self) -> None:
        """All of it came, and was right: it is in its place, and synced."""

    def discard(self) -> None:
        """It was not, or comes no more: its bytes are gone. After `finish` nothing."""


class PlainForm(Protocol):
    """Life: `open`, then `sink` from many threads, then `publish`, and `close` in any case. Raises DiskError."""

    path: Path
    """The final name."""
    layers: Tuple[PlainLayer, ...]
    kept: FrozenSet[int]
    """The numbers of the layers that an earlier run had finished: whether they are right yet is for the caller."""

    def open(self, beside: int = 0) -> None:
        """Make or find what is unfinished. Raises DiskError where the disk has no room for it and `beside` bytes.

        How large the layers become is not known: they are taken to be as large as they are packed.
        """

    def stored(self, number: int) -> Generator[bytes, None, None]:
        """The bytes of a layer that was `kept`; else of the one under the final name."""

    def sink(self, number: int) -> Sink:
        """A place for the layer, from its beginning on."""

    def publish(self, overwrite: bool = False) -> None:
        """Under the final name, synced. Every layer has finished. Clobbers nothing unless `overwrite`.

        What it replaced may still be there: removing that (`left_over`) is for the caller.
        """

    def close(self) -> None:
        """Close; what is unfinished stays if the next run can go on with it. Never raises."""

    def holds(self) -> bool:
        """Whether just this stands under the final name already."""

    def refuse_existing(self, image: Reference, overwrite: bool) -> None:
        """Raises DiskError if another thing has the final name, with `overwrite` one that may not be replaced."""


def is_good(form: PlainForm) -> bool:
    """Whether every layer of what stands under the final name has its diff_id: all are read."""
    try:
        for number, layer in enumerate(form.layers):
            with closing(form.stored(number)) as chunks:
                if not layer.diff_id.is_of(chunks):
                    return False
    except DockferryError:
        return False
    return True
