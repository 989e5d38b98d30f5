"""The shared state: whoever asks for work gets what may be done now, and a hopeless transfer ends."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import List, Optional

import pytest
from support.desk import POLICY, Desk, jobs

from dockferry.errors import AuthError, BodyError, BusyError, NetworkError
from dockferry.transfer.jobs import Job
from dockferry.transfer.proof import Reading
from dockferry.transfer.shared import Stopped
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


def flood(desk: Desk, job: Job) -> None:
    for _ in range(8):
        job.run.inflow.waits(desk.now)
        job.run.inflow.came(True, desk.now)


def wait_until_free(desk: Desk) -> None:
    deadline = time.monotonic() + 10
    while True:
        with desk.state.shared.lock:
            if desk.state.proof.is_hasher_free:
                return
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_flood_more_than_there_are_hashers_hashes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hashers stay with two floods; the third one's worker would wait in vain, and hashes from its buffer."""
    monkeypatch.setattr("dockferry.transfer.state.processors", lambda: 64)
    desk = Desk([400_000, 400_000, 400_000], 3)
    found = jobs(desk, [Worker(number) for number in range(3)])
    readings: List[Reading] = []

    def hold_on() -> None:
        with contextlib.suppress(Stopped):
            readings.append(desk.state.proof.next_reading())

    hashers = [threading.Thread(target=hold_on) for _ in range(2)]
    for hasher in hashers:
        hasher.start()
    for job in found[:2]:
        flood(desk, job)
        wait_until_free(desk)
        desk.receive(job, 1000)
        hasher_is_at_it = desk.state.proof.frontiers[job.run.blob]
        deadline = time.monotonic() + 10
        while not hasher_is_at_it.held:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        assert hasher_is_at_it.offset == 0
    flood(desk, found[2])
    desk.receive(found[2], 1000)
    assert desk.state.proof.frontiers[found[2].run.blob].offset == 1000
    for hasher in hashers:
        hasher.join(10)
    assert sorted(reading.number for reading in readings) == sorted(job.run.blob for job in found[:2])


@pytest.mark.parametrize("processors", [1, 3])
def test_no_processor_no_hasher(monkeypatch: pytest.MonkeyPatch, processors: int) -> None:
    """Where receiving takes all processors each flood is hashed from the buffer in hand."""
    monkeypatch.setattr("dockferry.transfer.state.processors", lambda: processors)
    desk = Desk([400_000, 400_000], 2)

    def wait_for_work() -> None:
        with pytest.raises(Stopped):
            desk.state.proof.next_reading()

    hasher = threading.Thread(target=wait_for_work)
    hasher.start()
    wait_until_free(desk)
    for job in jobs(desk, [Worker(0), Worker(1)]):
        flood(desk, job)
        desk.receive(job, 1000)
        assert desk.state.proof.frontiers[job.run.blob].offset == 1000
    desk.state.stop()
    hasher.join(10)
    assert not hasher.is_alive()


def test_a_tiny_layer_teaches_no_speed() -> None:
    """Its time is that of its answer: a large layer that has just begun is not taken to be as slow, and robbed."""
    desk = Desk([60_000_000, 1000], 2)
    large, tiny = jobs(desk, [Worker(0), Worker(1)])
    desk.now += 0.1
    desk.receive(tiny, 1000)
    desk.state.finish(tiny)
    assert tiny.source.pace_of(tiny.worker).speed is None
    desk.state.finish(large)
    (large,) = jobs(desk, [Worker(0)])
    desk.now += 0.05
    desk.receive(large, 100_000)
    before = large.run.end
    desk.now += 0.05
    desk.job(tiny.worker)
    assert large.run.end == before


def test_short_pieces_teach_a_speed() -> None:
    """A piece of a shared layer that lasts less than a speed takes to be measured: what came of it tells."""
    desk = Desk([4_000_000], 2)
    first, _ = jobs(desk, [Worker(0), Worker(1)])
    desk.now += 0.1
    size = first.run.remaining
    desk.receive(first, size)
    desk.state.finish(first)
    speed = first.source.pace_of(first.worker).speed
    assert speed is not None
    assert speed == pytest.approx(size / 0.1)


def test_the_quickest_answer_is_the_sources_latency() -> None:
    """A worker's first one may hold a connection, a login and a redirect: what is on its way to others is no more."""
    desk = Desk([4_000_000], 2)
    first, second = jobs(desk, [Worker(0), Worker(1)])
    first.source.answered(first.worker, 0.9)
    first.source.answered(second.worker, 0.03)
    assert first.source.pace_of(first.worker).latency == 0.03
    assert first.source.pace_of(Worker(2)).latency == 0.03
