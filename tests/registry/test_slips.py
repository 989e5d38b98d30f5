"""Slips: how long a host that answers ranges wrongly now and then is asked again."""

from __future__ import annotations

from dockferry.registry.slips import MOST, Slips


def test_who_never_answered_a_range_is_not_asked_again() -> None:
    """The first slip is one too many."""
    assert Slips().end_patience(1)


def test_patience_is_shorter_each_time_it_ends_and_whole_after_a_right_answer() -> None:
    """Eight slips in a row, then four, two, one; a Range that is answered rightly sets it back."""
    slips = Slips()
    slips.answered()
    ended_at = []
    for _ in range(5):
        count = 1
        while not slips.end_patience(count):
            count += 1
        ended_at.append(count)
    assert ended_at == [MOST, MOST // 2, MOST // 4, 1, 1]
    slips.answered()
    assert not slips.end_patience(MOST - 1)
