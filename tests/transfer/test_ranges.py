"""RangeSet against the plainest model there is: a set of integers."""

from __future__ import annotations

from typing import List, Set, Tuple

from hypothesis import given
from hypothesis import strategies as st

from dockferry.transfer.ranges import RangeSet

MOST = 40
RANGE = st.tuples(st.integers(0, MOST), st.integers(0, MOST))
STEP = st.tuples(st.sampled_from(["add", "remove"]), RANGE)


def build(steps: List[Tuple[str, Tuple[int, int]]]) -> Tuple[RangeSet, Set[int]]:
    ranges, model = RangeSet(), set()
    for verb, (start, end) in steps:
        if verb == "add":
            ranges.add(start, end)
            model |= set(range(start, end))
        else:
            ranges.remove(start, end)
            model -= set(range(start, end))
    return ranges, model


@given(st.lists(STEP, max_size=30))
def test_holds_what_a_set_would_hold(steps: List[Tuple[str, Tuple[int, int]]]) -> None:
    """After any additions and removals: same members, same count, sorted, disjoint, merged."""
    ranges, model = build(steps)
    listed = list(ranges)
    assert {one for start, end in listed for one in range(start, end)} == model
    assert ranges.total == len(model)
    assert all(end < start for (_, end), (start, _) in zip(listed, listed[1:]))
    assert len(ranges) == len(listed)


@given(st.lists(STEP, max_size=20), RANGE)
def test_gaps_and_ends_agree_with_the_members(
    steps: List[Tuple[str, Tuple[int, int]]], asked: Tuple[int, int]
) -> None:
    """`gaps` gives just what is missing, `parts` the rest, `covers` and `contiguous_end` say the same."""
    ranges, model = build(steps)
    start, end = asked
    missing = set(range(start, end)) - model
    assert {one for low, high in ranges.gaps(start, end) for one in range(low, high)} == missing
    assert {one for low, high in ranges.parts(start, end) for one in range(low, high)} == {
        *range(start, end)
    } - missing
    assert ranges.covers(start, end) == (not missing)
    stop = start
    while stop in model:
        stop += 1
    assert ranges.contiguous_end(start) == stop


def test_copy_is_apart() -> None:
    """A change of the copy does not touch the original."""
    first = RangeSet([(0, 5)])
    second = first.copy()
    second.add(9, 12)
    assert first == RangeSet([(0, 5)])
    assert second != first
    assert repr(second) == "RangeSet([(0, 5), (9, 12)])"
