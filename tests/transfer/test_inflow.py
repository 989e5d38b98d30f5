"""The inflow: a flood is told from bursts, from a line that keeps up, and from silence."""

from __future__ import annotations

import pytest

from dockferry.transfer.inflow import Inflow


def burst(inflow: Inflow, now: float, buffers: int, *, pause: float = 0.0, took: float = 0.0015) -> float:
    """After a `pause`, which a part of a buffer ends, so many full ones, each dealt with in `took` seconds."""
    if pause:
        inflow.waits(now)
        now += pause
        inflow.came(False, now)
    for _ in range(buffers):
        inflow.waits(now)
        inflow.came(True, now + 0.0003)
        now += took
    return now


def test_a_flood_is_known_after_a_few_buffers() -> None:
    """Within the moment in which the connection is left alone with its blob."""
    inflow = Inflow(0.0)
    now = burst(inflow, 0.0, 3)
    assert not inflow.is_flood(now)
    now = burst(inflow, now, 1)
    assert inflow.is_flood(now)
    assert now < 0.02


@pytest.mark.parametrize(("buffers", "pause"), [(4, 0.05), (8, 0.1), (8, 0.02), (4, 1.0), (64, 0.5)])
def test_bursts_are_no_flood(buffers: int, pause: float) -> None:
    """They fill buffers, but are waited for in between: after the second pause no burst is taken for a flood."""
    inflow = Inflow(0.0)
    now = 0.0
    for number in range(40):
        now = burst(inflow, now, buffers, pause=pause)
        if number * pause > 0.2:
            assert not inflow.is_flood(now)


def test_a_flood_survives_the_turns_of_others() -> None:
    """A pause of this machine's now and then, and the buffer that it leaves not quite full, do not end it."""
    inflow = Inflow(0.0)
    now = burst(inflow, 0.0, 8)
    for _ in range(40):
        now = burst(inflow, now, 40, pause=0.01)
        assert inflow.is_flood(now)


def test_a_steady_line_that_keeps_up_is_no_flood() -> None:
    """Its receives bring what has come meanwhile, and no full buffer."""
    inflow = Inflow(0.0)
    now = burst(inflow, 0.0, 8)
    for _ in range(8):
        inflow.waits(now)
        now += 0.002
        inflow.came(False, now)
    assert not inflow.is_flood(now)


def test_it_becomes_a_flood_again() -> None:
    """One long wait is forgotten when nothing was waited for since."""
    inflow = Inflow(0.0)
    now = burst(inflow, 0.0, 8)
    now = burst(inflow, now, 8, pause=2.0)
    assert not inflow.is_flood(now)
    now = burst(inflow, now, 1000)
    assert inflow.is_flood(now)


def test_the_next_connection_inherits_what_was_waited_for_too() -> None:
    """Bursts that are spread over many pieces are none the less bursts."""
    inflow = Inflow(0.0)
    now = 0.0
    for number in range(20):
        now = burst(inflow, now, 8, pause=0.1)
        assert number < 2 or not inflow.is_flood(now)
        inflow = inflow.heir(now)
