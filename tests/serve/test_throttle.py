"""The throttle against a clock that only its own waits move."""

from __future__ import annotations

from typing import List

import pytest

from dockferry.serve.throttle import Throttle


class Clock:
    """Time that passes only when someone waits, a little too long each time."""

    def __init__(self, late: float = 0.0) -> None:
        self.now = 100.0
        self.late = late

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds + self.late


def _send(throttle: Throttle, size: int) -> int:
    return sum(end - start for start, end in throttle.steps(0, size))


@pytest.mark.parametrize("rate", [1_000, 400_000, 3_000_000, 50_000_000])
@pytest.mark.parametrize("late", [0.0, 0.004])
def test_rate_holds_over_time(rate: int, late: float) -> None:
    """Ten seconds' worth of bytes takes ten seconds, though each sleep is a little late."""
    clock = Clock(late)
    assert _send(Throttle(rate, clock, clock.wait), rate * 10) == rate * 10
    assert clock.now - 100 == pytest.approx(10, rel=0.01)


def test_rate_holds_over_many_short_replies() -> None:
    """A connection that asks again and again gets no more than one that asks once."""
    clock = Clock()
    throttle = Throttle(1_000_000, clock, clock.wait)
    for _ in range(1000):
        _send(throttle, 5_000)
    assert clock.now - 100 == pytest.approx(5, rel=0.01)


def test_idle_time_is_not_made_up_for() -> None:
    """After a pause a connection starts at its rate, not with a burst."""
    clock = Clock()
    throttle = Throttle(1_000_000, clock, clock.wait)
    _send(throttle, 100_000)
    clock.now += 60
    before = clock.now
    _send(throttle, 1_000_000)
    assert clock.now - before > 0.95


def test_steps_cover_the_range_once() -> None:
    """The steps follow each other without gap or overlap, throttled or not."""
    clock = Clock()
    for throttle in (Throttle(None, clock, clock.wait), Throttle(10_000, clock, clock.wait)):
        at = 7
        steps: List[int] = []
        for start, end in throttle.steps(7, 5_000_000):
            assert start == at < end
            at = end
            steps.append(end - start)
        assert at == 5_000_000
        assert list(throttle.steps(3, 3)) == []


def test_no_rate_never_waits() -> None:
    """Without a rate the clock is not even read."""

    def fail(*_: object) -> float:
        raise AssertionError("asked")

    assert _send(Throttle(None, fail, fail), 100 << 20) == 100 << 20


def test_rate_must_be_positive() -> None:
    """A rate of nothing would wait for ever, so it is refused."""
    with pytest.raises(ValueError, match="above 0"):
        Throttle(0, Clock(), Clock().wait)
