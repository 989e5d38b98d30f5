"""The shared state: whoever asks for work gets what may be done now, and a hopeless transfer ends."""

from __future__ import annotations

from typing import Optional

from support.desk import POLICY, Desk, jobs

from dockferry.errors import AuthError, BodyError, BusyError, NetworkError
from dockferry.transfer.jobs import Job
from dockferry.transfer.source_state import Worker


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
