"""The shared state: whoever asks for work gets what may be done now, and a hopeless transfer ends."""

from __future__ import annotations

from typing import List, Optional, Sequence

from support.images import make_image
from support.memory import MemorySource

from dockferry.errors import AuthError, BodyError, BusyError, DockferryError, NetworkError
from dockferry.transfer.governor import Governor
from dockferry.transfer.jobs import Job
from dockferry.transfer.pool import Worker
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.scheduler import Rules
from dockferry.transfer.state import TransferState

POLICY = RetryPolicy(attempts=3, base=1.0, longest=4.0, first=0.5)
RULES = Rules(piece_max=400_000, piece_min=50_000, steal_min=10_000)


class Desk:
    """A state with a clock in hand, and no threads."""

    def __init__(self, sizes: Sequence[int], connections: int, sources: int = 1) -> None:
        self.image = image = make_image(sizes)
        self.now = 0.0
        self.sources = [MemorySource(image.blobs, name=f"m{place}.example") for place in range(sources)]
        self.state = TransferState(
            image.layers,
            self.sources,
            [RangeSet() for _ in image.layers],
            policy=POLICY,
            governor=Governor(connections),
            rules=RULES,
            luck=lambda: 0.5,
            on_drop=lambda number, kept: None,
            clock=lambda: self.now,
        )

    def job(self, worker: Worker) -> Optional[Job]:
        """What `next_job` would give now."""
        with self.state.shared.lock:
            return self.state.job_now(worker, self.now)

    def receive(self, job: Job, count: int) -> None:
        start = job.run.pos
        assert self.state.attach(job, job.source.source.open(job.blob, start, job.run.end))
        reservation = self.state.begin(job, count)
        if reservation.hashes:
            data = self.image.blobs[job.blob.digest][start : start + count]
            self.state.proof.frontiers[job.run.blob].update(memoryview(data))
        self.state.commit(job, reservation)

    def fail(self, job: Job, error: DockferryError) -> None:
        self.now += 0.1
        self.state.finish(job, error)


def jobs(desk: Desk, workers: Sequence[Worker]) -> List[Job]:
    found = [desk.job(worker) for worker in workers]
    assert None not in found
    return [job for job in found if job is not None]


def test_who_was_refused_does_not_block_the_others() -> None:
    """Fewer connections are wanted, and those that were told to wait are just the first two: the others go on."""
    desk = Desk([4_000_000], 4)
    workers = [Worker(number) for number in range(4)]
    first, second, third, fourth = jobs(desk, workers)
    desk.receive(third, 1000)
    desk.receive(fourth, 1000)
    desk.fail(first, BusyError("429", retry_after=600.0, asks_for_less=True))
    desk.fail(second, BusyError("429", retry_after=600.0, asks_for_less=True))
    assert desk.job(workers[0]) is None
    desk.receive(fourth, fourth.run.remaining)
    desk.state.finish(fourth)
    assert desk.job(workers[3]) is not None
    assert desk.job(Worker(4)) is None  # two are in use, and two are what the host takes


def test_a_pause_keeps_its_place() -> None:
    """A connection that failed on a source that is well waits a little; no other one jumps in meanwhile."""
    desk = Desk([4_000_000], 2)
    workers = [Worker(0), Worker(1)]
    first, second = jobs(desk, workers)
    desk.receive(second, 1000)
    desk.fail(first, BodyError("reset"))
    assert desk.job(Worker(2)) is None
    desk.now += 1.0
    assert desk.job(workers[0]) is not None


def test_a_blob_that_fails_holds_up_no_other() -> None:
    """One connection, and the largest blob always fails: the others come first, and then the end does."""
    desk = Desk([500_000, 400_000, 300_000], 1)
    worker = Worker(0)
    brought = set()
    for _ in range(20):
        if desk.state.shared.is_over:
            break
        desk.now += 10.0
        (job,) = jobs(desk, [worker])
        if job.run.blob == 0:
            desk.fail(job, BodyError("reset"))
        else:
            brought.add(job.run.blob)
            desk.receive(job, job.run.remaining)
            desk.state.finish(job)
    assert brought == {1, 2}
    assert desk.state.shared.is_over
    assert isinstance(desk.state.shared.error, NetworkError)


def test_a_refused_blob_holds_up_no_other_while_a_source_rests() -> None:
    """The one source refuses the largest blob, the other one is not well: what the first has is fetched meanwhile."""
    desk = Desk([500_000, 400_000], 2, sources=2)
    first, second = jobs(desk, [Worker(0), Worker(1)])
    desk.fail(first, AuthError("403"))
    desk.fail(second, BodyError("reset"))
    job = desk.job(Worker(0))
    assert job is not None
    assert (job.run.blob, job.source.source.name) == (1, "m0.example")


def test_refused_here_and_dead_there_is_the_end() -> None:
    """A blob that one source refuses while the other one is dead for good: the transfer ends, it does not wait."""
    desk = Desk([500_000], 2, sources=2)
    first, second = jobs(desk, [Worker(0), Worker(1)])
    desk.fail(first, AuthError("403"))
    job: Optional[Job] = second
    for _ in range(POLICY.attempts):
        assert not desk.state.shared.is_over
        assert job is not None
        desk.fail(job, BodyError("reset"))
        desk.now += 100.0
        job = desk.job(Worker(1))
    assert isinstance(desk.state.shared.error, NetworkError)
