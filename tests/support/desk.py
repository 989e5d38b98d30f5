"""A desk: the state of a transfer with a clock in hand and no threads: each step is taken by the test."""

from __future__ import annotations

from typing import List, Optional, Sequence

from dockferry.errors import DockferryError
from dockferry.transfer.governor import Governor
from dockferry.transfer.jobs import Job, Written
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.scheduler import Rules
from dockferry.transfer.source_state import Worker
from dockferry.transfer.state import TransferState

from .images import make_image
from .memory import MemorySource

POLICY = RetryPolicy(attempts=3, base=1.0, longest=4.0, first=0.5)
RULES = Rules(piece_max=400_000, piece_min=50_000, steal_min=10_000, alone=0.0)


class Desk:
    """A state with a clock in hand, and no threads."""

    def __init__(
        self, sizes: Sequence[int], connections: int, sources: int = 1, policy: RetryPolicy = POLICY
    ) -> None:
        self.image = image = make_image(sizes)
        self.now = 0.0
        self.sources = [MemorySource(image.blobs, name=f"m{place}.example") for place in range(sources)]
        self.state = TransferState(
            image.layers,
            self.sources,
            [RangeSet() for _ in image.layers],
            policy=policy,
            governor=Governor(connections),
            rules=RULES,
            luck=lambda: 0.5,
            on_drop=lambda number, kept: None,
            clock=lambda: self.now,
        )

    def job(self, worker: Worker) -> Optional[Job]:
        """What `next_job` would give now."""
        with self.state.shared.lock:
            return self.state.dispatch.maybe_job(worker, self.now)

    def receive(self, job: Job, count: int) -> None:
        start = job.run.pos
        assert self.state.attach(job, job.source.source.open(job.blob, start, job.run.end))
        reservation = self.state.begin(job, count)
        if reservation.hashes:
            data = self.image.blobs[job.blob.digest][start : start + count]
            self.state.proof.frontiers[job.run.blob].update(memoryview(data))
        self.state.commit(job, reservation, Written(reservation.ranges))

    def fail(self, job: Job, error: DockferryError) -> None:
        self.now += 0.1
        self.state.finish(job, error)


def jobs(desk: Desk, workers: Sequence[Worker]) -> List[Job]:
    found = [desk.job(worker) for worker in workers]
    assert None not in found
    return [job for job in found if job is not None]
