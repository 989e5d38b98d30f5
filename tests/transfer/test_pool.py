"""Several sources in one transfer: each by its own merits, and none at the cost of the others."""

from __future__ import annotations

from typing import List, Sequence

import pytest
from support.desk import POLICY, RULES, Desk, jobs
from support.memory import MemoryWait, Script

from dockferry.errors import BodyError, BusyError, CertificateError, ConnectError, NetworkError, NotFoundError
from dockferry.events import Retry, Warned
from dockferry.transfer.jobs import Job
from dockferry.transfer.pool import Closed
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.source_state import Worker
from dockferry.transfer.watch import SILENCE

WORKERS = [Worker(number) for number in range(20)]


def desk_of(sizes: Sequence[int], connections: int, sources: int, policy: RetryPolicy = POLICY) -> Desk:
    WORKERS[:] = [Worker(number) for number in range(20)]
    return Desk(sizes, connections, sources, policy)


def at(found: Sequence[Job], source: int) -> List[Job]:
    return [job for job in found if job.source.number == source]


def govern(desk: Desk, seconds: float = 0.5) -> None:
    desk.now += seconds
    with desk.state.shared.lock:
        desk.state.govern(desk.now)


def flow(desk: Desk, rates: Sequence[float], seconds: float, step: float = 0.25) -> None:
    """Every connection gives by its source's rate; those that end begin something else."""
    for _ in range(int(seconds / step)):
        desk.now += step
        for job in list(desk.state.dispatch.jobs.values()):
            count = min(int(rates[job.source.number] * step), job.run.remaining)
            if count and not job.is_given_up:
                desk.receive(job, count)
            if not job.run.remaining:
                desk.state.finish(job)
        with desk.state.shared.lock:
            desk.state.govern(desk.now)
        while any(
            desk.job(worker)
            for worker in WORKERS
            if all(job.worker is not worker for job in desk.state.dispatch.jobs.values())
        ):
            pass


def test_connections_begin_at_every_source() -> None:
    """Nothing is known of either: they share the connections."""
    desk = desk_of([4_000_000], 4, 2)
    assert [job.source.number for job in jobs(desk, WORKERS[:4])] == [0, 1, 0, 1]


def test_a_429_lowers_the_connections_to_that_source_alone() -> None:
    """Three at one host, which wants fewer: it keeps two at most, and the other host gets what is free."""
    desk = desk_of([9_000_000], 6, 2)
    found = jobs(desk, WORKERS[:6])
    busy, other = at(found, 0), at(found, 1)
    for job in found:
        desk.receive(job, 1000)
    desk.fail(busy[0], BusyError("429", asks_for_less=True))
    assert desk.state.dispatch.governor.target == 6
    (job,) = jobs(desk, [busy[0].worker])
    assert job.source.number == 1
    desk.state.finish(other[0])
    desk.now += 1.0
    (job,) = jobs(desk, [other[0].worker])
    assert job.source.number == 1
    assert desk.state.pool.states[0].goodput.connections == 2


def test_who_failed_at_one_source_goes_on_at_another() -> None:
    """No connection waits where there is another source."""
    desk = desk_of([4_000_000], 2, 2)
    first, _ = jobs(desk, WORKERS[:2])
    desk.fail(first, BodyError("reset"))
    job = desk.job(first.worker)
    assert job is not None
    assert job.source.number == 1 - first.source.number


def test_a_source_that_failed_comes_back_with_one_connection() -> None:
    """Its rest is over: one looks if it is well, and the rest follows when it is."""
    desk = desk_of([10_000_000], 6, 2)
    found = jobs(desk, WORKERS[:6])
    for job in at(found, 0):
        desk.fail(job, BodyError("reset"))
    assert desk.state.pool.states[0].health.failures == 1
    desk.now += 1.0
    again = jobs(desk, [job.worker for job in at(found, 0)])
    assert [job.source.number for job in again] == [0, 1, 1]
    desk.receive(again[0], 1000)
    assert not desk.state.pool.states[0].health.failures


def test_a_source_that_begins_anew_is_not_left_to_rest() -> None:
    """It ignores ranges and its replies end before what is missing: asked again soon, though each try counts."""
    desk = desk_of([4_000_000], 1, 1)
    for number in range(1, 4):
        (job,) = jobs(desk, WORKERS[:1])
        job.run.count(500_000, desk.now)
        desk.now += 1.0
        desk.fail(job, BodyError("ended early"))
        health = desk.state.pool.states[0].health
        assert health.failures == number
        assert 0.04 < health.resting_until - desk.now < 0.5
        desk.now += 0.5


def test_a_source_that_brings_nothing_new_is_not_asked_all_the_time() -> None:
    """Replies that end before the first new byte, again and again: soon at first, then as seldom as a dead source."""
    policy = RetryPolicy()
    desk = desk_of([4_000_000], 1, 1, policy)
    asked_at: List[float] = []
    while not desk.state.shared.is_over:
        desk.now = max(desk.now, desk.state.pool.wake_at(WORKERS[0]))
        (job,) = jobs(desk, WORKERS[:1])
        asked_at.append(desk.now)
        job.run.count(500_000, desk.now)
        desk.fail(job, BodyError("ended early"))
    assert len(asked_at) == policy.attempts
    assert asked_at[4] < 2.0
    assert asked_at[-1] > 3000.0


def test_when_all_rest_the_earliest_is_waited_for() -> None:
    """There is nothing to do before, and something to do then."""
    desk = desk_of([4_000_000], 2, 2)
    first, second = jobs(desk, WORKERS[:2])
    desk.fail(first, BusyError("503", retry_after=3.0))
    desk.fail(second, BusyError("503", retry_after=2.0))
    wake_at = desk.state.pool.wake_at(WORKERS[0])
    assert 2.0 < wake_at < 2.5
    desk.now = wake_at - 0.01
    assert desk.job(WORKERS[0]) is None
    desk.now = wake_at
    job = desk.job(WORKERS[0])
    assert job is not None
    assert job.source is second.source


def test_a_blob_that_one_refuses_comes_from_the_other() -> None:
    """403 and 404 are for one blob at one source: it is not asked for it again, and for others it is."""
    desk = desk_of([400_000], 2, 2)
    first, second = jobs(desk, WORKERS[:2])
    desk.fail(first, NotFoundError("404"))
    (job,) = jobs(desk, [first.worker])
    assert job.run.blob == first.run.blob
    assert job.source is second.source
    assert any(isinstance(event, Warned) and "404" in event.message for event in desk.state.shared.events)


def test_a_certificate_that_is_not_trusted_ends_a_source() -> None:
    """It is told once, not for each blob."""
    desk = desk_of([400_000, 300_000, 200_000], 2, 2)
    first, _ = jobs(desk, WORKERS[:2])
    desk.fail(first, CertificateError("not trusted"))
    assert desk.state.pool.states[0].refused == {0, 1, 2}
    assert all(job.source.number == 1 for job in jobs(desk, [first.worker]))
    assert not desk.state.shared.is_over


def test_a_mirror_that_ignores_ranges_switches_nothing_off() -> None:
    """It gives the blob from 0 whatever it is asked for: it is left out, and the other source goes on in parallel."""
    desk = desk_of([4_000_000], 4, 2)
    found = jobs(desk, WORKERS[:4])
    ignoring = at(found, 1)[0]
    desk.sources[1].script = lambda number, blob, start, end: Script(start=0)
    delivery = ignoring.source.source.open(ignoring.blob, ignoring.run.pos, ignoring.run.end)
    assert not desk.state.attach(ignoring, delivery)
    desk.state.finish(ignoring)
    (job,) = jobs(desk, [ignoring.worker])
    assert job.source.number == 0
    assert job.run.pos == ignoring.run.pos
    pool, ledger = desk.state.pool, desk.state.ledger
    assert 0 in Closed(pool, pool.states[1], ledger, desk.now)
    assert 0 not in Closed(pool, pool.states[1], ledger, desk.now + 60.0)  # it is asked for a range once more


def test_a_mirror_that_ignores_ranges_gives_whole_blobs() -> None:
    """What nobody has begun it can give from its beginning."""
    desk = desk_of([400_000, 300_000], 2, 2)
    for state in desk.state.ledger.states:
        state.one_stream[1] = 0.0
    found = jobs(desk, WORKERS[:2])
    assert [(job.source.number, job.run.pos) for job in found] == [(0, 0), (1, 0)]


def test_a_silent_reply_is_given_up_where_another_source_gives() -> None:
    """Its range is missing again at once, and the source rests once, however many connections fell silent."""
    desk = desk_of([10_000_000], 4, 2)
    found = jobs(desk, WORKERS[:4])
    silent, well = at(found, 1), at(found, 0)
    for job in found:
        desk.receive(job, 1000)
    for _ in range(int(SILENCE / 0.5)):
        govern(desk)
        for job in well:
            desk.receive(job, 1000)
    assert not any(job.is_given_up for job in silent)
    govern(desk)
    assert all(job.is_given_up for job in silent)
    assert all(not job.run.remaining for job in silent)
    state = desk.state.pool.states[1]
    assert (state.stalls, state.demotions) == (2, 1)
    assert state.resting_until > desk.now + SILENCE
    told = [event for event in desk.state.shared.events if isinstance(event, Retry)]
    assert len(told) == 2
    assert "silent" in told[0].reason
    before = state.resting_until
    for job in silent:
        desk.fail(job, BodyError("aborted"))
    assert state.resting_until == before
    desk.now = before
    again = [job for job in (desk.job(job.worker) for job in silent) if job is not None]
    assert len(at(again, 1)) == 1


def test_a_slow_source_is_better_than_none() -> None:
    """It rests beside a better one; when that one fails, or does not give a blob, it is asked at once."""
    desk = desk_of([4_000_000], 2, 2)
    (job,) = jobs(desk, WORKERS[:1])
    pool, ledger = desk.state.pool, desk.state.ledger
    pool.states[1].demote(desk.now)
    assert [one.source.number for one in jobs(desk, WORKERS[1:2])] == [0]
    pool.states[0].refused.add(0)
    assert 0 not in Closed(pool, pool.states[1], ledger, desk.now)
    pool.states[0].refused.clear()
    assert 0 in Closed(pool, pool.states[1], ledger, desk.now)
    desk.fail(job, BodyError("reset"))
    (again,) = jobs(desk, WORKERS[:1])
    assert again.source.number == 1


def test_a_mirror_that_ignores_ranges_is_enough_when_the_other_fails() -> None:
    """The source that honours ranges does not answer: the blob comes from this one, in one stream."""
    desk = desk_of([4_000_000], 1, 2)
    (job,) = jobs(desk, WORKERS[:1])
    desk.state.ledger.states[0].one_stream[1] = 0.0
    desk.receive(job, 1000)
    desk.state.finish(job)
    pool, ledger = desk.state.pool, desk.state.ledger
    assert 0 in Closed(pool, pool.states[1], ledger, desk.now)
    pool.states[0].health = pool.states[0].health.failed(desk.now, desk.now, 600.0)
    assert 0 not in Closed(pool, pool.states[1], ledger, desk.now)


def test_sources_that_are_silent_for_ever_are_the_end() -> None:
    """Two of them, and never a byte: the transfer ends like that of one, it does not wait for ever."""
    desk = desk_of([4_000_000], 2, 2)
    for _ in range(20 * POLICY.attempts):
        if desk.state.shared.is_over:
            break
        desk.now = max(desk.now, desk.state.pool.wake_at(WORKERS[0]))
        job = desk.job(WORKERS[0])
        if job is not None:
            desk.now += 30.0
            desk.fail(job, BodyError("silent for 30 s"))
    assert isinstance(desk.state.shared.error, NetworkError)


def test_one_source_is_given_time_for_its_first_byte() -> None:
    """It may be fetching from upstream: its own timeouts decide, whatever its other connections bring."""
    desk = desk_of([10_000_000], 2, 1)
    found = jobs(desk, WORKERS[:2])
    for _ in range(100):
        govern(desk)
        desk.receive(found[1], 10)
    assert not any(job.is_given_up for job in found)


def test_a_silent_reply_of_one_source_is_given_up_where_its_others_go_on() -> None:
    """It is dead, and its range and its place among the connections are for others."""
    desk = desk_of([10_000_000], 2, 1)
    found = jobs(desk, WORKERS[:2])
    desk.receive(found[0], 1000)
    for _ in range(int(SILENCE / 0.5)):
        govern(desk)
        desk.receive(found[1], 10)
    assert not found[0].is_given_up
    for _ in range(2):
        govern(desk)
        desk.receive(found[1], 10)
    assert found[0].is_given_up
    assert not found[1].is_given_up
    assert desk.job(WORKERS[2]) is not None


def test_silent_replies_hold_no_place() -> None:
    """All connections are silent: others are opened, to find out if the line is down, and not all at once."""
    desk = desk_of([10_000_000], 2, 1)
    for job in jobs(desk, WORKERS[:2]):
        desk.receive(job, 1000)
    assert desk.job(WORKERS[2]) is None
    desk.now += SILENCE + 0.1
    assert len(jobs(desk, WORKERS[2:4])) == 2
    assert desk.job(WORKERS[4]) is None


def test_when_all_are_silent_none_is_given_up() -> None:
    """The line is down: nobody would do better."""
    desk = desk_of([10_000_000], 4, 2)
    found = jobs(desk, WORKERS[:4])
    for job in found:
        desk.receive(job, 1000)
    for _ in range(100):
        govern(desk)
    assert not any(job.is_given_up for job in found)


def test_a_connection_that_waits_for_the_hash_is_not_silent() -> None:
    """It is held back on purpose."""
    desk = desk_of([20_000_000], 2, 2)
    first, second = jobs(desk, WORKERS[:2])
    desk.receive(first, 1000)
    state = desk.state.ledger.states[0]
    state.had.add(desk.state.proof.frontiers[0].offset, 19_000_000)
    for _ in range(20):
        desk.now += 0.5
        second.source.moved(second.worker, desk.now)
        with desk.state.shared.lock:
            desk.state.govern(desk.now)
    assert not first.is_given_up


def test_a_source_far_slower_than_another_rests_and_is_probed() -> None:
    """A hundredth of the other's speed: it loses its connections, rests, and is asked again later, by one."""
    desk = desk_of([20_000_000], 4, 2)
    jobs(desk, WORKERS[:4])
    flow(desk, [100_000.0, 1_000.0], 8.0)
    slow = desk.state.pool.states[1]
    assert slow.demotions == 1
    assert slow.resting_until > desk.now
    assert slow.goodput.connections == sum(job.is_given_up for job in desk.state.dispatch.jobs.values())
    assert slow.errors == slow.stalls == 0


def test_fast_and_slow_share_the_work() -> None:
    """Half as fast is no reason to rest."""
    desk = desk_of([20_000_000], 4, 2)
    jobs(desk, WORKERS[:4])
    flow(desk, [100_000.0, 50_000.0], 20.0)
    fast, slow = desk.state.pool.reports()
    assert slow.received > 0
    assert fast.received > 2 * slow.received
    assert fast.share + slow.share == pytest.approx(1.0)
    assert slow.speed >= 40_000
    assert not desk.state.pool.states[1].demotions


def test_who_never_answers_is_given_up_where_another_could() -> None:
    """The one connection waits for an answer, and nobody else was asked: another source gets its turn, once."""
    desk = desk_of([4_000_000], 1, 2)
    (job,) = jobs(desk, WORKERS[:1])
    opening = MemoryWait()
    desk.state.hold(job, opening)
    for _ in range(int(2 * RULES.first_byte_time)):
        govern(desk)
    assert not job.is_given_up
    desk.now += 0.5
    with desk.state.shared.lock:
        assert desk.state.govern(desk.now) == [opening]
    assert job.is_given_up
    desk.fail(job, ConnectError("given up"))
    (other,) = jobs(desk, WORKERS[:1])
    assert other.source is not job.source
    for _ in range(200):  # the first has failed: there is nobody better than this one
        govern(desk)
    assert not other.is_given_up


def test_who_is_given_up_before_it_waits_does_not_begin_to() -> None:
    """The wait is ended as soon as it is known."""
    desk = desk_of([4_000_000], 1, 2)
    (job,) = jobs(desk, WORKERS[:1])
    job.is_given_up = True
    opening = MemoryWait()
    desk.state.hold(job, opening)
    assert opening.ended.is_set()


def test_who_repeats_itself_is_left_while_another_gives() -> None:
    """Once it has sent a blob's size of what was had: left for the other's crumbs, and asked when those end."""
    desk = desk_of([4_000_000], 1, 2)
    (job,) = jobs(desk, WORKERS[:1])
    pool, ledger = desk.state.pool, desk.state.ledger
    other = pool.states[1 - job.source.number]
    ledger.states[0].one_stream[other.number] = 0.0
    desk.receive(job, 1000)
    desk.fail(job, BusyError("503", retry_after=4.0))
    pool.states[job.source.number].health = pool.states[job.source.number].health.failed(desk.now, desk.now, 4.0)
    assert 0 not in Closed(pool, other, ledger, desk.now)
    other.gave_again(0, 4_000_000, 4_000_000, desk.now)
    assert 0 not in Closed(pool, other, ledger, desk.now)
    other.gave_again(0, 4_000_000, 1, desk.now)
    assert 0 in Closed(pool, other, ledger, desk.now)
    other.gave_again(0, 4_000_000, 9_000_000, desk.now)
    assert 0 in Closed(pool, other, ledger, desk.now + 59.0)
    assert 0 not in Closed(pool, other, ledger, desk.now + 61.0)  # nobody has given a byte for a minute
