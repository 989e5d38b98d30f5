"""Whole transfers in memory: a made image, its sources, its destination and its journal at hand."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Sequence

from dockferry.events import BlobDone, Event, OnEvent
from dockferry.transfer.claims import Recovered
from dockferry.transfer.engine import Options, Outcome, transfer
from dockferry.transfer.journal import Journal
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.scheduler import Rules

from .images import MadeImage, make_image
from .memory import MemoryDestination, MemorySource

QUICK = RetryPolicy(attempts=4, base=0.01, longest=0.05, first=0.01)
SMALL = Rules(piece_max=400_000, piece_min=50_000, steal_min=10_000, steal_time=0.01, twin_time=0.1)


class Bench:
    """One transfer of a made image, with all its parts at hand."""

    def __init__(self, tmp_path: Path, sizes: Sequence[int] = (1_000_000, 300_000, 10)) -> None:
        self.image: MadeImage = make_image(sizes)
        self.source = MemorySource(self.image.blobs)
        self.others: List[MemorySource] = []
        self.destination = MemoryDestination(list(self.image.layers))
        self.path = tmp_path / "x.part.journal"
        self.events: List[Event] = []
        self.had: Optional[Sequence[RangeSet]] = None
        self.on_event: OnEvent = self.events.append
        self.rules = SMALL
        self.sync_bytes = 1 << 40

    def run(self, threads: Optional[int] = 4) -> Outcome:
        empty = [RangeSet() for _ in self.image.layers]
        had = self.had or empty
        journal = Journal.create(self.path, "id", Recovered(True, list(had), empty), "boot")
        try:
            return transfer(
                self.image.layers,
                [self.source, *self.others],
                self.destination,
                journal,
                had,
                Options(threads, 0.01, QUICK, self.rules, self.sync_bytes),
                self.on_event,
            )
        finally:
            journal.close()

    def recover(self) -> None:
        self.had = Journal.recover(self.path, "id", len(self.image.layers), "boot").had

    def check(self) -> None:
        for layer in self.image.layers:
            assert bytes(self.destination.data[layer.digest]) == self.image.blobs[layer.digest]
        done = {event.digest for event in self.events if isinstance(event, BlobDone)}
        assert done == {str(layer.digest) for layer in self.image.layers}

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.image.layers)
