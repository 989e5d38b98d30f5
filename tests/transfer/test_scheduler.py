"""The scheduler: long ranges, one connection for each blob first, stealing by speed, a twin at the very end."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import FrameType
from typing import List, Optional, Tuple

import pytest
from support.images import make_image

from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.transfer.ledger import Ledger, Run
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.scheduler import Assignment, Idle, Pace, Rules, assign, choose, is_left_alone
from dockferry.transfer.sharing import Sharing

MIB = 1 << 20
RULES = Rules(alone=0.0)
"""But for a test of that, all connections begin at the same moment."""


def blobs(*sizes: int) -> List[Descriptor]:
    return [Descriptor("x", Digest.of(b"%d" % place), size) for place, size in enumerate(sizes)]


def take(ledger: Ledger, connections: int, now: float = 0.0, speed: Optional[float] = None) -> Tuple[int, int, int]:
    choice = choose(ledger, Idle(connections, Pace(speed)), now, RULES)
    assert choice is not None
    assign(ledger, choice, now)
    return choice.blob, choice.start, choice.end


def test_a_connection_for_each_layer_first() -> None:
    """Untouched layers come before second connections, largest first, each as one long range."""
    ledger = Ledger(blobs(3 * MIB, 9 * MIB, 5 * MIB))
    assert [take(ledger, 1) for _ in range(3)] == [(1, 0, 9 * MIB), (2, 0, 5 * MIB), (0, 0, 3 * MIB)]
    assert choose(ledger, Idle(1), 0.0, RULES) is None


def test_one_layer_is_shared_out() -> None:
    """One layer: as many equal shares as connections, in order, none longer than the pace asks for."""
    ledger = Ledger(blobs(8 * MIB))
    taken = [take(ledger, 4) for _ in range(4)]
    assert taken == [(0, place * 2 * MIB, (place + 1) * 2 * MIB) for place in range(4)]
    huge = Ledger(blobs(1000 * MIB))
    assert take(huge, 4) == (0, 0, RULES.shared_min)


@pytest.mark.parametrize(
    ("speed", "latency", "length"),
    [(4.0, 0.1, 20 * MIB), (200.0, 0.001, 10 * MIB), (1.0, 0.001, 4 * MIB), (90, 0.5, 64 * MIB)],
)
def test_a_shared_layers_pieces_follow_the_pace(speed: float, latency: float, length: int) -> None:
    """Pieces of a shared layer last fifty answers, so that little time is lost and the hash stays close behind."""
    choice = choose(Ledger(blobs(5000 * MIB)), Idle(4, Pace(speed * MIB, latency)), 0.0, RULES)
    assert choice is not None
    assert abs(choice.end - length) < 100


def test_no_crumbs() -> None:
    """A rest too small for a request of its own goes with the piece before it."""
    ledger = Ledger(blobs(MIB + MIB // 4))
    assert take(ledger, 20) == (0, 0, MIB + MIB // 4)


def test_resume_asks_for_what_is_missing_only() -> None:
    """Ranges had already are never asked for."""
    had = RangeSet([(0, 2 * MIB), (3 * MIB, 8 * MIB)])
    ledger = Ledger(blobs(8 * MIB), [had])
    assert take(ledger, 4) == (0, 2 * MIB, 3 * MIB)
    assert choose(ledger, Idle(4), 0.0, RULES) is None


def _one_run(received: int, seconds: float, size: int) -> Ledger:
    ledger = Ledger(blobs(size))
    run = ledger.claim(0, 0, size, 0.0)
    step = received // 20
    for count in range(1, 21):
        ledger.commit(run, ledger.begin(run, step, seconds * count / 20))
    return ledger


def test_the_far_half_is_stolen() -> None:
    """Equal speeds: the thief gets the far half of what is left; the victim keeps the near one."""
    ledger = _one_run(10 * MIB, 1.0, 50 * MIB)
    blob, start, end = take(ledger, 4, 1.0, 10.0 * MIB)
    assert (blob, end) == (0, 50 * MIB)
    assert 28 * MIB < start < 32 * MIB
    assert ledger.states[0].runs[0].end == start


def test_a_faster_thief_takes_more() -> None:
    """Shares follow the speeds, so that both are done together."""
    ledger = _one_run(2 * MIB, 1.0, 52 * MIB)
    _, start, _ = take(ledger, 4, 1.0, 8.0 * MIB)
    assert 10 * MIB < start < 14 * MIB


def test_what_is_soon_done_is_left_alone() -> None:
    """No steal when the victim is done before a new request would be answered."""
    ledger = _one_run(40 * MIB, 1.0, 44 * MIB)
    assert choose(ledger, Idle(4, Pace(40.0 * MIB)), 1.0, RULES) is None


@pytest.mark.row("first byte")
def test_a_long_first_byte_is_no_stall() -> None:
    """A request that waits for its first byte keeps its range for a while: the mirror fetches from upstream."""
    ledger = Ledger(blobs(50 * MIB))
    ledger.claim(0, 0, 50 * MIB, 0.0)
    assert choose(ledger, Idle(4, Pace(1.0 * MIB)), 15.0, RULES) is None
    assert choose(ledger, Idle(4, Pace(1.0 * MIB)), 25.0, RULES) is not None


def test_a_straggler_gets_one_twin() -> None:
    """The last crumb on a connection that went silent is fetched twice, not three times."""
    ledger = _one_run(1000, 1.0, 1000 + 60_000)
    choice = choose(ledger, Idle(4, Pace(1.0 * MIB)), 20.0, RULES)
    assert choice is not None
    assert choice.is_twin
    assert (choice.start, choice.end) == (1000, 61_000)
    assign(ledger, choice, 20.0)
    assert choose(ledger, Idle(4, Pace(1.0 * MIB)), 20.0, RULES) is None


@pytest.mark.parametrize(("size", "is_worth_it"), [(60_000, True), (RULES.small + 2000, False)])
def test_a_crumb_is_not_waited_for(size: int, is_worth_it: bool) -> None:
    """What is little and silent for a moment is fetched twice; what is more waits till it is sure to be silent."""
    ledger = _one_run(20 * MIB, 1.0, 20 * MIB + size)
    assert choose(ledger, Idle(4, Pace(20.0 * MIB)), 0.9 + RULES.pause, RULES) is None
    choice = choose(ledger, Idle(4, Pace(20.0 * MIB)), 1.1 + RULES.pause, RULES)
    assert (choice is not None) == is_worth_it


def test_all_but_a_crumb_of_a_silent_run_is_taken() -> None:
    """By one whose own speed is not known yet, too: in halves of halves it would take many requests."""
    ledger = _one_run(1000, 1.0, 8 * MIB)
    choice = choose(ledger, Idle(4), 6.0, RULES)
    assert choice is not None
    assert (choice.start, choice.end) == (1000 + RULES.steal_min, 8 * MIB)


def test_a_silent_twin_is_overtaken_too() -> None:
    """Both connections that were to bring the last crumb are silent: a third one goes for it within seconds."""
    ledger = _one_run(1000, 1.0, 1000 + 60_000)
    choice = choose(ledger, Idle(4), 4.0, RULES)
    assert choice is not None
    twin = assign(ledger, choice, 4.0)
    ledger.commit(twin, ledger.begin(twin, 40_000, 4.5))
    assert choose(ledger, Idle(4, Pace(1.0 * MIB)), 4.6, RULES) is None
    again = choose(ledger, Idle(4, Pace(1.0 * MIB)), 7.0, RULES)
    assert again is not None
    assert again.is_twin


def test_one_stream_is_not_shared() -> None:
    """Where ranges are ignored a blob has one connection at a time."""
    ledger = Ledger(blobs(50 * MIB))
    run = ledger.claim(0, 0, 10 * MIB, 0.0)
    ledger.states[0].one_stream[0] = 0.0
    assert ledger.restart(run)
    assert (run.pos, run.end) == (0, 50 * MIB)
    assert choose(ledger, Idle(4, Pace(1.0 * MIB)), 60.0, RULES) is None


def test_what_came_wrong_again_and_again_comes_in_one() -> None:
    """Such a blob is one long range of one connection, from whichever source: nobody else takes of it, or steals."""
    ledger = Ledger(blobs(50 * MIB))
    ledger.states[0].in_one = True
    choice = choose(ledger, Idle(8), 0.0, RULES)
    assert choice is not None
    assert (choice.start, choice.end) == (0, 50 * MIB)
    assign(ledger, choice, 0.0)
    assert choose(ledger, Idle(8, Pace(1.0 * MIB)), 60.0, RULES) is None


def test_one_source_that_ignores_ranges_is_helped_by_the_others() -> None:
    """A mirror gives a blob from 0 alone: who asks another source takes the far part of it all the same."""
    ledger = Ledger(blobs(50 * MIB))
    run = ledger.claim(0, 0, 10 * MIB, 0.0, source=1)
    ledger.states[0].one_stream[1] = 0.0
    assert ledger.restart(run)
    ledger.commit(run, ledger.begin(run, MIB, 1.0))
    assert choose(ledger, Idle(4, Pace(1.0 * MIB), source=1, sources=2), 1.1, RULES) is None
    choice = choose(ledger, Idle(4, Pace(1.0 * MIB), source=0, sources=2), 1.1, RULES)
    assert choice is not None
    assert choice.victim is run
    assert choice.end == 50 * MIB


def test_pieces_are_short_where_there_are_several_sources() -> None:
    """Many layers, and two sources: no connection is bound to one of them for long."""
    ledger = Ledger(blobs(*[500 * MIB] * 8))
    choice = choose(ledger, Idle(4, Pace(2.0 * MIB, 0.01), sources=2), 0.0, RULES)
    assert choice is not None
    assert choice.end == RULES.piece_min
    alone = choose(ledger, Idle(4, Pace(2.0 * MIB, 0.01)), 0.0, RULES)
    assert alone is not None
    assert alone.end == RULES.piece_max


def test_another_source_does_not_wait_for_the_first_byte_for_long() -> None:
    """A request that has no answer yet loses its range to who asks elsewhere, not to who would ask there too."""
    ledger = Ledger(blobs(8 * MIB))
    ledger.claim(0, 0, 8 * MIB, 0.0, source=1)
    assert choose(ledger, Idle(4, Pace(1.0 * MIB), source=1, sources=2), 3.0, RULES) is None
    assert choose(ledger, Idle(4, Pace(1.0 * MIB), source=0, sources=2), 3.0, RULES) is not None


def test_tiny_layers_cost_one_request_each() -> None:
    """A hundred tiny layers are a hundred requests, whatever the number of connections."""
    image = make_image([100] * 100)
    ledger = Ledger(image.layers)
    seen: List[Assignment] = []
    while True:
        choice = choose(ledger, Idle(20), 0.0, RULES)
        if choice is None:
            break
        seen.append(choice)
        run = assign(ledger, choice, 0.0)
        ledger.commit(run, ledger.begin(run, run.remaining, 0.0))
        ledger.release(run)
    assert len(seen) == 100
    assert all(state.is_complete for state in ledger.states)


def test_a_layers_first_connection_is_left_alone_for_a_moment() -> None:
    """It may turn out to bring all that this machine can take; another source's is begun at once, to be measured."""
    rules = Rules()
    ledger = Ledger(blobs(100 * MIB))
    first = choose(ledger, Idle(4), 0.0, rules)
    assert first is not None
    assign(ledger, first, 0.0)
    assert choose(ledger, Idle(4), rules.alone / 2, rules) is None
    assert choose(ledger, Idle(4), rules.alone, rules) is not None
    assert choose(ledger, Idle(4, source=1, sources=2), 0.0, rules) is not None


def flood(run: Run, now: float, buffers: int = 4) -> None:
    """So many buffers are there at once, one each millisecond up to `now`."""
    for left in range(buffers, 0, -1):
        run.inflow.waits(now - left / 1000)
        run.inflow.came(True, now - left / 1000)


def test_nobody_joins_a_flood() -> None:
    """Where one connection brings more than is taken from it, another would only bring bytes out of order."""
    ledger = Ledger(blobs(400 * MIB, 3 * MIB))
    take(ledger, 4)
    run = ledger.states[0].runs[0]
    flood(run, 1.0)
    assert take(ledger, 4, now=1.0) == (1, 0, 3 * MIB), "another layer is another matter"
    assert choose(ledger, Idle(4), 5.0, RULES) is None, "no part of it, and nothing is stolen"


def test_a_flood_that_falls_silent_is_joined() -> None:
    """A quarter of a second after it began to wait; not while it is held back here, however long that lasts."""
    ledger = Ledger(blobs(400 * MIB))
    take(ledger, 4)
    run = ledger.states[0].runs[0]
    flood(run, 1.0)
    assert choose(ledger, Idle(4), 60.0, RULES) is None, "the disk is slow, or the hash"
    run.inflow.waits(60.0)
    assert choose(ledger, Idle(4), 60.2, RULES) is None
    assert choose(ledger, Idle(4), 60.3, RULES) is not None


def test_a_flood_is_remembered_from_one_piece_to_the_next() -> None:
    """The reply to the next request begins slowly, whoever gives it; one that does not begin locks up nothing."""
    ledger = Ledger(blobs(400 * MIB))
    take(ledger, 4)
    run = ledger.states[0].runs[0]
    flood(run, 1.0)
    ledger.release(run)
    take(ledger, 4, now=1.0)
    assert choose(ledger, Idle(4), 1.2, RULES) is None
    assert choose(ledger, Idle(4), 1.3, RULES) is not None


def test_a_flood_is_given_much_at_once() -> None:
    """Nobody will join it: short pieces would be requests for nothing. Not the whole layer: it may dry up."""
    ledger = Ledger(blobs(4000 * MIB))
    assert take(ledger, 4) == (0, 0, RULES.shared_min), "how it comes is not known yet"
    run = ledger.states[0].runs[0]
    flood(run, 1.0)
    ledger.commit(run, ledger.begin(run, 4 * MIB, 1.0))
    ledger.release(run)
    several = choose(ledger, Idle(4, sources=2), 1.0, RULES)
    assert several is not None
    assert several.end - several.start == RULES.piece_min, "it may soon go to a better source"
    assert take(ledger, 4, now=1.0) == (0, 4 * MIB, 4 * MIB + RULES.flood_piece)


def test_what_is_no_flood_any_more_is_given_little_at_once() -> None:
    """The last connection was waited for: the blob is shared out as any other."""
    ledger = Ledger(blobs(4000 * MIB))
    take(ledger, 4)
    run = ledger.states[0].runs[0]
    flood(run, 1.0)
    run.inflow.waits(1.0)
    run.inflow.came(False, 1.2)
    ledger.commit(run, ledger.begin(run, 4 * MIB, 1.2))
    ledger.release(run)
    assert take(ledger, 4, now=1.2) == (0, 4 * MIB, 4 * MIB + RULES.shared_min)


def test_a_flood_gets_no_twin_however_slowly_it_is_taken() -> None:
    """A slow disk: what would come twice would only wait too. Once it is silent it is a straggler as any other."""
    ledger = Ledger(blobs(1000 + 60_000))
    take(ledger, 1)
    run = ledger.states[0].runs[0]
    ledger.commit(run, ledger.begin(run, 1000, 1.0))
    flood(run, 1.0)
    assert choose(ledger, Idle(4, Pace(1.0 * MIB)), 20.0, RULES) is None
    run.inflow.waits(20.0)
    choice = choose(ledger, Idle(4, Pace(1.0 * MIB)), 20.3, RULES)
    assert choice is not None
    assert choice.is_twin


def test_what_failed_waits_for_what_did_not() -> None:
    """And comes back after it; a blob that is closed is passed over, and not forgotten."""
    ledger = Ledger(blobs(3 * MIB, 9 * MIB, 5 * MIB))
    ledger.states[1].failures = 1
    choice = choose(ledger, Idle(1, closed={2}), 0.0, RULES)
    assert choice is not None
    assert choice.blob == 0
    assert [take(ledger, 1)[0] for _ in range(3)] == [2, 0, 1]


def test_what_was_dropped_or_given_back_is_begun_again() -> None:
    """A complete blob whose bytes were wrong is missing again; so is what a run did not bring."""
    ledger = Ledger(blobs(3 * MIB), [RangeSet([(0, 3 * MIB)])])
    assert (ledger.missing, ledger.unfinished) == (0, 0)
    assert choose(ledger, Idle(1), 0.0, RULES) is None
    ledger.drop(0, RangeSet([(MIB, 2 * MIB)]))
    assert (ledger.missing, ledger.unfinished) == (MIB, 1)
    assert take(ledger, 1) == (0, MIB, 2 * MIB)
    ledger.release(ledger.states[0].runs[0])
    assert take(ledger, 1) == (0, MIB, 2 * MIB)
    ledger.complete(0)
    assert (ledger.missing, ledger.unfinished) == (0, 0)


def test_the_next_of_many_layers_is_found_as_soon_as_that_of_few() -> None:
    """Function calls for each layer, from the first to the last: hardly more with 50 times as many."""

    def calls(count: int) -> float:
        ledger = Ledger(blobs(*[1000] * count))
        made = 0

        def see(frame: FrameType, event: str, arg: object) -> None:
            nonlocal made
            made += event == "call"

        sys.setprofile(see)
        try:
            for _ in range(count):
                take(ledger, 16)
                (state,) = (state for _, state in ledger.busy(()))
                (run,) = state.runs
                ledger.commit(run, ledger.begin(run, 1000, 0.0))
                ledger.release(run)
        finally:
            sys.setprofile(None)
        assert ledger.missing == 0
        return made / count

    assert calls(5000) < 1.5 * calls(100)


def test_the_last_pieces_of_a_shared_layer_are_the_shortest() -> None:
    """Each takes half of its part of what is left, down to the least that is worth a request."""
    ledger, idle = Ledger(blobs(256 * MIB)), Idle(4, Pace(50.0 * MIB, 0.1))
    lengths = []
    while ledger.missing:
        choice = choose(ledger, idle, 0.0, RULES)
        assert choice is not None
        run = assign(ledger, choice, 0.0)
        lengths.append(run.remaining)
        ledger.commit(run, ledger.begin(run, run.remaining, 0.0))
        ledger.release(run)
    assert lengths[:-2] == sorted(lengths[:-2], reverse=True), "but for the crumbs, which go with the last"
    assert lengths[0] == 32 * MIB
    assert RULES.piece_min <= lengths[-1] <= RULES.shared_min
    assert len(lengths) < 30


def test_far_away_nothing_is_stolen_that_is_soon_there() -> None:
    """What is on its way to the victim is lost with its connection."""
    ledger = Ledger(blobs(5 * MIB // 2))
    take(ledger, 1)
    run = ledger.states[0].runs[0]
    ledger.commit(run, ledger.begin(run, MIB, 1.0))
    assert choose(ledger, Idle(2, Pace(4.0 * MIB, 0.2)), 1.0, RULES) is None
    near = choose(ledger, Idle(2, Pace(4.0 * MIB, 0.01)), 1.0, RULES)
    assert near is not None
    assert near.victim is run


@pytest.mark.parametrize(("rest", "is_stolen"), [(4 * MIB, True), (2 * MIB, False)])
def test_an_answer_that_takes_long_delays_no_help_for_long(rest: int, is_stolen: bool) -> None:
    """It waits for more than the way: what is some seconds from its end is stolen all the same."""
    ledger = Ledger(blobs(MIB + rest))
    take(ledger, 1)
    run = ledger.states[0].runs[0]
    ledger.commit(run, ledger.begin(run, MIB, 1.0))
    choice = choose(ledger, Idle(2, Pace(4.0 * MIB, 1.0)), 1.0, RULES)
    assert (choice is not None and choice.victim is run and not choice.is_twin) == is_stolen


def test_only_what_may_be_joined_later_is_looked_at_soon_again() -> None:
    """A layer whose one connection has just begun; not a tiny one, and none that has two."""
    rules = Rules()
    ledger = Ledger(blobs(400 * MIB, 1000))
    for _ in range(2):
        take(ledger, 4)
    assert [is_left_alone(state, 0.0, rules) for state in ledger.states] == [True, False]
    assert not is_left_alone(ledger.states[0], rules.alone, rules)
    ledger.claim(0, 300 * MIB, 400 * MIB, 0.0)
    assert not is_left_alone(ledger.states[0], 0.0, rules)


@pytest.mark.parametrize("piece", [64 * 1024, MIB, 100 * MIB])
@pytest.mark.parametrize("connections", [4, 20])
def test_a_shared_layers_pieces_are_as_long_as_was_settled(piece: int, connections: int) -> None:
    """At least, whatever the pace; only the end of the layer is shorter, and no crumb."""
    rules = replace(Rules.of(Sharing(piece)), alone=0.0)
    ledger = Ledger(blobs(301 * MIB))
    taken = []
    while True:
        choice = choose(ledger, Idle(connections, Pace(MIB, 0.001)), 0.0, rules)
        if choice is None or choice.victim is not None:
            break
        taken.append(assign(ledger, choice, 0.0))
    lengths = [run.end - run.pos for run in taken]
    assert sum(lengths) == 301 * MIB
    assert min(lengths[:-1]) >= piece
    assert lengths[-1] >= piece // 2
    assert lengths[0] == piece or piece < MIB  # where little is settled, the pace asks for more


def test_a_layer_that_has_less_is_not_shared() -> None:
    """Neither in pieces nor by theft nor by a twin: one connection brings it, in one range."""
    rules = replace(Rules.of(Sharing(least=8 * MIB)), alone=0.0)
    ledger = Ledger(blobs(8 * MIB, 8 * MIB - 1))
    first = choose(ledger, Idle(4), 0.0, rules)
    assert first is not None
    assert (first.blob, first.start, first.end) == (0, 0, 4 * MIB)
    assign(ledger, first, 0.0)
    second = choose(ledger, Idle(4), 0.0, rules)
    assert second is not None
    assert (second.blob, second.start, second.end) == (1, 0, 8 * MIB - 1)
    assign(ledger, second, 0.0)
    for now in (0.0, 1.0, 100.0):
        while True:
            choice = choose(ledger, Idle(4, Pace(MIB, 0.001)), now, rules)
            if choice is None:
                break
            assert choice.blob == 0
            assign(ledger, choice, now)


def test_nothing_settled_changes_nothing() -> None:
    """The engine's own rules are those of nobody's settings."""
    assert Rules.of(Sharing()) == Rules()
    assert Rules.of(Sharing(1)).piece_min == Rules.steal_min
