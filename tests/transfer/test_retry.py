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
    full = [policy.wait(number, 1.0) for number in range(1, 40)]
    assert full[:4] == [0.5, 5.0, 10.0, 20.0]
    assert max(full) == policy.longest
    assert policy.wait(3, 0.0) == full[2] / 2


@pytest.mark.parametrize(("asked", "least", "most"), [(7.0, 7.0, 7.8), (1e9, 60.0, 66.0), (0.0, 0.2, 0.5)])
def test_what_the_host_asks_is_honoured_and_capped(asked: float, least: float, most: float) -> None:
    """Retry-After is a floor, but no host can make us wait for days."""
    assert least <= RetryPolicy(longest=60.0).wait(1, 0.5, asked) <= most


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
