"""Plain form: what the layers of an image make when they are unpacked: a layer tree, or a legacy tar.

Strategy: a layer comes in order, from one thread, into a sink of its own. It counts when its sink has finished,
which is after its diff_id was found right. All get the final name together.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, FrozenSet, Protocol, Tuple

from ..oci.reference import Reference
from .plain_layers import PlainLayer


class Sink(Protocol):
    """One layer on its way. Used by one thread. Raises DiskError."""

    def write(self, data: bytes) -> None:
        """The next bytes."""

    def finish(self) -> None:
        """All of it came, and was right."""

    def discard(self) -> None:
        """It was not, or comes no more. After `finish` nothing."""


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

    def read(self, number: int) -> BinaryIO:
        """The bytes of a layer that was `kept`."""

    def sink(self, number: int) -> Sink:
        """A place for the layer, from its beginning on."""

    def publish(self, overwrite: bool = False) -> None:
        """Under the final name, synced. Every layer has finished. Clobbers nothing unless `overwrite`."""

    def close(self) -> None:
        """Close; what is unfinished stays, for the next run."""

    def holds(self) -> bool:
        """Whether just this stands under the final name already."""

    def refuse_existing(self, image: Reference, overwrite: bool) -> None:
        """Raises DiskError if another thing has the final name, with `overwrite` one that may not be replaced."""

    def is_good(self) -> bool:
        """Whether every layer of what stands there has its diff_id: all are read."""

    def tidy(self) -> None:
        """Remove what a run that was killed left, once this stands under its final name."""

    @property
    def left_over(self) -> Tuple[Path, ...]:
        """What that may be."""
