"""Jobs: who fetches what from whom: plain values that the shared state hands out and keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

from ..oci.descriptor import Descriptor
from .ledger import Run
from .protocols import Abortable, Delivery
from .ranges import Range
from .source_state import SourceState, Worker


@dataclass
class Job:
    """A run in a worker's hands. `is_given_up`: its range was taken back, and its connection is to end.

    `opening` ends the wait for an answer, `delivery` is the answer.
    """

    run: Run
    blob: Descriptor
    source: SourceState
    worker: Worker
    began: float
    opening: Optional[Abortable] = None
    delivery: Optional[Delivery] = None
    reserved: Sequence[Range] = ()
    is_given_up: bool = False

    @property
    def maybe_wait(self) -> Optional[Abortable]:
        """What its worker may be waiting in."""
        return self.delivery or self.opening


@dataclass(frozen=True)
class Reservation:
    """What of a chunk is to be written; `hashes`: the first range stands at the frontier, which is held for it.

    `compares`: what is in its place already is in doubt. `must_repeat`: it was the same source's, so what comes as
    something else counts no more than that did.
    """

    ranges: Sequence[Range]
    hashes: bool = False
    compares: bool = False
    must_repeat: bool = False


@dataclass(frozen=True)
class Written:
    """What has become of a reservation: `fresh` ranges are new, `same` were there already.

    `other` stand there now, but have to come once more.
    """

    fresh: Sequence[Range]
    same: Sequence[Range] = ()
    other: Sequence[Range] = ()

    @property
    def had(self) -> Sequence[Range]:
        return [*self.fresh, *self.same]
