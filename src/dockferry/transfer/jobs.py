"""Jobs: who fetches what from whom: plain values that the shared state hands out and keeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Sequence, Set

from ..oci.descriptor import Descriptor
from .ledger import Run
from .protocols import Delivery, Source
from .ranges import Range
from .retry import Health
from .scheduler import UNKNOWN, Pace


@dataclass
class SourceState:
    """One source's standing, by its place among the sources. `refused`: blobs that it does not give."""

    number: int
    source: Source
    health: Health = field(default_factory=Health)
    refused: Set[int] = field(default_factory=set)


@dataclass
class Worker:
    """One connection's standing: `failures` in a row, on a source that was well otherwise."""

    number: int
    failures: int = 0
    resting_until: float = float("-inf")
    pace: Pace = UNKNOWN


@dataclass
class Job:
    """A run in a worker's hands."""

    run: Run
    blob: Descriptor
    source: SourceState
    worker: Worker
    began: float
    delivery: Optional[Delivery] = None
    reserved: Sequence[Range] = ()


@dataclass(frozen=True)
class Reservation:
    """What of a chunk is to be written; `hashes`: the first range stands at the frontier, which is held for it."""

    ranges: Sequence[Range]
    hashes: bool
