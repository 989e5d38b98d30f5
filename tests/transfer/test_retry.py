"""Retry policy, a source's health, and the governor: pure decisions from times to times."""

from __future__ import annotations

import pytest

from dockferry.choices import MAX_THREADS
from dockferry.transfer.allowance import Allowance
from dockferry.transfer.governor import START, Governor
from dockferry.transfer.retry import Health, RetryPolicy


def test_waits_double_up_to_a_limit() -> None:
    """Almost at once, then 5, 10, 20 … seconds, never beyond the longest; jitter only shortens, by half at most."""
    policy = RetryPolicy()
    full = [policy.rest(number, 1.0) for number in range(1, 40)]
    assert full[:4] == [0.5, 5.0, 10.0, 20.0]
    assert max(full) == policy.longest
    assert policy.rest(3, 0.0) == full[2] / 2


def test_one_connections_bad_luck_waits_less() -> None:
    """A tenth of a second, doubled, up to the base."""
    full = [RetryPolicy().pause(number, 1.0) for number in range(1, 40)]
    assert full[:3] == [0.1, 0.2, 0.4]
    assert max(full) == 5.0


def test_nothing_new_is_asked_for_soon_and_then_seldom() -> None:
    """A source that sends only what is had: as one connection's bad luck at first, in the end as one that is dead."""
    policy = RetryPolicy()
    full = [policy.again(number, 1.0) for number in range(1, 40)]
    assert full[:3] == [0.1, 0.2, 0.4]
    assert max(full) == policy.longest
    assert all(policy.again(number, 1.0) <= policy.rest(number, 1.0) for number in range(1, 40))


@pytest.mark.parametrize(("base", "longest"), [(0.1, 600.0), (5.0, 0.1), (0.1, 0.1), (3600.0, 1.0)])
@pytest.mark.parametrize("number", [1, 2, 5, 20, 10_000])
def test_base_and_longest_bound_every_wait(base: float, longest: float, number: int) -> None:
    """What the user settles holds for all three parts."""
    policy = RetryPolicy(base=base, longest=longest)
    assert policy.rest(number, 1.0) <= longest
    assert policy.again(number, 1.0) <= longest
    assert policy.pause(number, 1.0) <= min(base, longest)


def test_a_host_that_was_never_reached_has_a_minute() -> None:
    """Whatever the jitter, the last try is a minute after the first; a host that has answered is asked on."""
    policy = RetryPolicy()
    for luck in (0.0, 0.5, 1.0):
        passed, number = 0.0, 1
        left = policy.left(number, passed, False)
        while left is not None:
            passed += min(left, policy.rest(number, luck))
            number += 1
            left = policy.left(number, passed, False)
        assert passed == policy.contact
        assert 5 <= number <= 8
    assert policy.left(3, 1e6, True) == float("inf")
    assert policy.left(policy.attempts, 1.0, True) is None


def test_a_host_that_is_silent_is_asked_three_times() -> None:
    """Each try takes minutes: the first says too little."""
    policy = RetryPolicy()
    assert policy.left(1, 120.0, False) == policy.first
    assert policy.left(2, 240.0, False) == policy.first
    assert policy.left(3, 360.0, False) is None


@pytest.mark.parametrize(("asked", "least", "most"), [(7.0, 7.0, 7.8), (60.0, 60.0, 66.0), (0.0, 0.05, 0.5)])
def test_what_the_host_asks_is_honoured(asked: float, least: float, most: float) -> None:
    """Retry-After is the least, for a source that rests as for one connection."""
    policy = RetryPolicy(longest=60.0)
    assert least <= policy.rest(1, 0.5, asked) <= most
    assert least <= policy.pause(1, 0.5, asked) <= most


@pytest.mark.parametrize("asked", [60.1, 1e9, float("inf")])
def test_what_is_absurd_is_not_honoured(asked: float) -> None:
    """Beyond the longest wait it means nothing: the policy's own wait holds."""
    policy = RetryPolicy(longest=60.0)
    assert policy.rest(3, 0.5, asked) == policy.rest(3, 0.5)
    assert policy.pause(3, 0.5, asked) == policy.pause(3, 0.5)


def test_attempts_under_way_together_count_once() -> None:
    """Twenty connections that fail in one outage are one failure of the source."""
    health = Health()
    for _ in range(20):
        health = health.failed(began=10.0, now=11.0, wait=5.0)
    assert health.failures == 1
    assert health.resting_until == 16.0
    assert health.failed(began=17.0, now=18.0, wait=5.0).failures == 2


def test_a_byte_sets_the_count_back() -> None:
    """Progress means the count starts again."""
    health = Health().failed(0.0, 1.0, 5.0).moved(9.0)
    assert health.failures == 0
    assert health.is_alive(8.0)
    assert not health.is_alive(10.0)


def _climb(governor: Governor, goodput: dict[int, float], seconds: int, start: float = 0.0) -> float:
    now, received = start, 0.0
    for _ in range(seconds * 2):
        now += 0.5
        received += goodput[governor.target] * 0.5
        governor.sample(now, int(received), True)
    return now


def test_connections_are_added_while_they_pay() -> None:
    """Goodput that grows with every connection ends at the most; goodput that does not stays near the start."""
    pays = Governor()
    _climb(pays, {count: count * 1e6 for count in range(1, 21)}, 60)
    assert pays.target == MAX_THREADS
    flat = Governor()
    _climb(flat, dict.fromkeys(range(1, 21), 10000000.0), 25)
    assert flat.target == START


def test_a_fixed_number_stays() -> None:
    """-t N is N."""
    governor = Governor(7)
    _climb(governor, {7: 1e9}, 30)
    assert governor.target == 7


def test_a_host_that_asks_for_less_gets_less() -> None:
    """429 goes below what was in use at once, stays there for a while, and never to none."""
    allowance = Allowance()
    assert allowance.limit(0.0) == float("inf")
    allowance.refused(6, 100.0)
    assert allowance.limit(101.0) == 5
    assert allowance.limit(161.0) == 6
    assert allowance.limit(162.0) == 6
    for _ in range(10):
        allowance.refused(1, 170.0)
    assert allowance.limit(170.0) == 1
