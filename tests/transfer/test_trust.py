"""Trust: a liar is found by its ranges alone, is not asked any more, and patience ends."""

from __future__ import annotations

from typing import AbstractSet, List

from dockferry.transfer.provenance import EARLIER
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.trust import BLOCK, MOST, SAME, Trust, Verdict

ALL: AbstractSet[int] = {0, 1, 2}


def gave(trust: Trust, *shares: int, blob: int = 0) -> None:
    """Source 0 gives the first so many bytes, source 1 the next, and so on."""
    start = 0
    for source, size in enumerate(shares):
        trust.gave(blob, source, [(start, start + size)])
        start += size


def test_the_same_wrong_digest_is_what_there_is() -> None:
    """A blob that hashes to the same wrong digest again and again is given up soon; different ones later."""
    trust = Trust(1, 1)
    for _ in range(SAME):
        assert not trust.is_hopeless(0, [0])
        gave(trust, 10)
        assert trust.wrong(0, "sha256:same") == Verdict(drop=RangeSet([(0, 10)]), liar=0)
    assert trust.is_hopeless(0, [0])
    trust = Trust(1, 1)
    for number in range(MOST):
        assert not trust.is_hopeless(0, [0])
        gave(trust, 10)
        trust.wrong(0, f"sha256:{number}")
    assert trust.is_hopeless(0, [0])


def test_a_lone_giver_is_to_blame() -> None:
    """What one of two gave alone is wrong: it is banned, for all blobs, and asked only where nobody else gives."""
    trust = Trust(2, 2)
    gave(trust, 0, 10)
    assert trust.wrong(0, "a") == Verdict(drop=RangeSet([(0, 10)]), liar=1)
    for blob in (0, 1):
        assert list(trust.candidates(blob, [0, 1], ALL)) == [0]
        assert list(trust.candidates(blob, [1], ALL)) == [1]


def test_one_source_is_never_banned() -> None:
    """There is no other."""
    trust = Trust(1, 1)
    gave(trust, 10)
    trust.wrong(0, "a")
    assert not trust.banned


def test_the_least_share_is_suspected_first() -> None:
    """Only its ranges are dropped; the others give them; when the blob is good then, it was the liar."""
    trust = Trust(1, 3)
    gave(trust, 50, 10, 40)
    assert trust.wrong(0, "a") == Verdict(drop=RangeSet([(50, 60)]), suspect=1)
    assert list(trust.candidates(0, [0, 1, 2], ALL)) == [0, 2]
    trust.gave(0, 2, [(50, 60)])
    assert trust.good(0) == 1
    assert trust.banned == {1}


def test_the_next_one_is_suspected() -> None:
    """The first suspect was innocent: it may help to fetch again what the next one gave."""
    trust = Trust(1, 2)
    gave(trust, 50, 10)
    trust.wrong(0, "a")
    trust.gave(0, 0, [(50, 55)])
    trust.gave(0, EARLIER, [(55, 60)])
    assert trust.wrong(0, "a") == Verdict(drop=RangeSet([(55, 60)]), suspect=EARLIER)
    trust.gave(0, 1, [(55, 60)])
    assert trust.wrong(0, "a") == Verdict(drop=RangeSet([(0, 55)]), suspect=0)
    assert list(trust.candidates(0, [0, 1], ALL)) == [1]
    trust.gave(0, 1, [(0, 55)])
    assert trust.good(0) == 0


def test_who_lied_before_is_suspected_first() -> None:
    """Though its share is the larger one."""
    trust = Trust(2, 2)
    gave(trust, 10, blob=0)
    trust.wrong(0, "a")
    gave(trust, 90, 10, blob=1)
    assert trust.wrong(1, "b").suspect == 0


def test_who_lies_about_another_ones_range_too_is_found_alone() -> None:
    """The liar gave the suspect's ranges again: then all is its own, and the blame is."""
    trust = Trust(1, 2)
    gave(trust, 50, 10)
    trust.wrong(0, "a")
    trust.gave(0, 0, [(50, 60)])
    assert trust.wrong(0, "b") == Verdict(drop=RangeSet([(0, 60)]), liar=0)
    assert trust.banned == {0}
    trust.agreed(0, 1, [(0, 40)])
    trust.gave(0, 1, [(40, 60)])
    assert trust.good(0) is None
    assert trust.lies == [1, 0]


def test_a_lone_sources_word_counts_when_it_says_it_twice() -> None:
    """One source gave other bytes than before: neither counts, until the last is what stands there already."""
    trust = Trust(1, 1)
    assert not trust.must_repeat(0, 0)
    gave(trust, 10)
    trust.wrong(0, "a")
    assert trust.compares(0)
    assert trust.must_repeat(0, 0)
    trust.changed(0, [(5, 10)])
    trust.agreed(0, 0, [(0, 5)])
    trust.agreed(0, 0, [(5, 10)])
    assert trust.good(0) is None
    assert not trust.compares(0)


def test_what_comes_as_something_else_each_time_is_given_up() -> None:
    """Not before it was asked for again and again; and how often is counted for each block."""
    trust = Trust(1, 1)
    gave(trust, 4 * BLOCK)
    trust.wrong(0, "a")
    for block in (0, 1, 2):
        for _ in range(MOST - 1):
            trust.changed(0, [(block * BLOCK, (block + 1) * BLOCK)])
    assert not trust.is_hopeless(0, [0])
    trust.changed(0, [(BLOCK + 10, BLOCK + 20)])
    assert trust.is_hopeless(0, [0])
    assert trust.unsteady(0) == (BLOCK, 2 * BLOCK)


def test_the_parts_of_a_block_are_counted_each() -> None:
    """A slow link brings a block in many parts: that each comes right at last is one change, and not one for each."""
    trust = Trust(1, 1)
    gave(trust, BLOCK)
    trust.wrong(0, "a")
    for start in range(0, BLOCK, 1000):
        trust.changed(0, [(start, min(BLOCK, start + 1000))])
    assert not trust.is_hopeless(0, [0])
    for number in range(1, MOST):
        trust.changed(0, [(3000 - 10 * number, 3000 + number)])
    assert trust.is_hopeless(0, [0])
    assert trust.unsteady(0) == (0, BLOCK)


def test_who_has_proved_nothing_is_suspected_before_who_has() -> None:
    """It gave more of this blob; but the other one has given blobs that were right."""
    trust = Trust(2, 2)
    gave(trust, 10, blob=0)
    trust.good(0)
    gave(trust, 10, 90, blob=1)
    assert trust.wrong(1, "a").suspect == 1


def test_where_two_agree_neither_is_suspected() -> None:
    """The first suspect's ranges came again just the same: in doubt is then what the next one gave alone."""
    trust = Trust(1, 2)
    gave(trust, 50, 10)
    assert not trust.compares(0)
    assert trust.wrong(0, "a").suspect == 1
    assert trust.compares(0)
    trust.agreed(0, 0, [(50, 60)])
    assert trust.wrong(0, "a") == Verdict(drop=RangeSet([(0, 50)]), suspect=0)
    trust.agreed(0, 1, [(0, 20)])
    trust.gave(0, 1, [(20, 50)])
    assert trust.good(0) == 0


def test_all_agree_and_are_wrong() -> None:
    """Two mirrors with the same wrong copy: the blob is asked of each alone, and given up in the end."""
    trust = Trust(1, 2)
    asked: List[int] = []
    while not trust.is_hopeless(0, [0, 1]):
        allowed = trust.candidates(0, [0, 1], ALL)
        gave(trust, *[30 if source in allowed else 0 for source in (0, 1)])
        verdict = trust.wrong(0, "a")
        while verdict.drop is not None and not trust.is_hopeless(0, [0, 1]):
            blamed = verdict.liar if verdict.liar is not None else verdict.suspect
            assert blamed is not None
            asked += [blamed]
            trust.agreed(0, 1 - blamed, list(verdict.drop))
            verdict = trust.wrong(0, "a")
    assert asked == [0, 1, 1]
    assert SAME <= trust.times_wrong(0) <= SAME + 1
    assert not trust.is_hopeless(0, [0, 1, 2])  # there is one that never lied


def test_two_liars_are_found_one_at_a_time() -> None:
    """When every suspicion has failed the blob is asked of one source alone, and of the next one when that lied."""
    trust = Trust(1, 3)
    gave(trust, 10, 20, 30)
    suspected = []
    verdict = trust.wrong(0, "a")
    while verdict.suspect is not None and verdict.drop is not None:
        suspected.append(verdict.suspect)
        first, second = {0, 1, 2} - {verdict.suspect}
        for start, end in verdict.drop:
            trust.gave(0, first, [(start, (start + end) // 2)])
            trust.gave(0, second, [((start + end) // 2, end)])
        verdict = trust.wrong(0, "a")
    assert verdict == Verdict()
    assert sorted(suspected) == [0, 1, 2]
    (alone,) = trust.candidates(0, [0, 1, 2], ALL)
    trust.gave(0, alone, [(0, 60)])
    assert trust.wrong(0, "b").liar == alone
    (other,) = trust.candidates(0, [0, 1, 2], ALL)
    assert other != alone


def test_a_suspect_is_asked_when_the_others_fail() -> None:
    """Suspicion is no proof: it must not stop what nobody else can bring."""
    trust = Trust(1, 2)
    gave(trust, 50, 10)
    trust.wrong(0, "a")
    assert list(trust.candidates(0, [0, 1], {1})) == [0, 1]


def test_a_liar_is_asked_while_the_others_fail() -> None:
    """A dead host may be dead for hours; but what was wrong in the same way three times is not asked again."""
    trust = Trust(1, 2)
    for _ in range(SAME):
        gave(trust, 10)
        trust.wrong(0, "a")
        assert list(trust.candidates(0, [0, 1], {0, 1})) == [1]
        assert list(trust.candidates(0, [0, 1], {0})) == ([0, 1] if trust.times_wrong(0) < SAME else [1])
    assert list(trust.candidates(0, [0], {0})) == [0]


def test_one_source_at_a_time_is_one_that_is_well() -> None:
    trust = Trust(1, 3)
    gave(trust, 50, 10, 20)
    while trust.wrong(0, "a").drop is not None:
        gave(trust, 50, 10, 20)
    for one in ALL:
        assert list(trust.candidates(0, [0, 1, 2], {one})) == [one]


def test_what_an_earlier_run_left_is_nobodys_lie() -> None:
    """It is dropped, first where one source has to give all again, and no patience is spent on it."""
    trust = Trust(1, 1)
    trust.gave(0, EARLIER, [(0, 90)])
    trust.gave(0, 0, [(90, 100)])
    assert trust.wrong(0, "a") == Verdict(drop=RangeSet([(0, 90)]), suspect=EARLIER)
    trust.gave(0, 0, [(0, 90)])
    assert trust.good(0) == EARLIER
    assert trust.times_wrong(0) == 0
    assert not trust.banned
