"""The ledger: no byte is given out twice, none is lost, and none that is had is written again."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.transfer.ledger import Ledger, Run
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.scheduler import Idle, Pace, Rules, assign, choose

RULES = Rules(piece_max=50, piece_min=10, steal_min=4, steal_time=0.5, twin_time=1.0, first_byte_time=3.0)


def blob(size: int, seed: int = 0) -> Descriptor:
    return Descriptor("application/octet-stream", Digest.of(bytes([seed])), size)


class Threads(RuleBasedStateMachine):
    """Connections that come, receive, write, fail and go, in any order, over the real scheduler."""

    @initialize(sizes=st.lists(st.integers(0, 120), min_size=1, max_size=4))
    def start(self, sizes: list[int]) -> None:
        self.ledger = Ledger([blob(size, seed) for seed, size in enumerate(sizes)])
        self.written = [[0] * size for size in sizes]
        self.pending: dict[Run, list[tuple[int, int]]] = {}
        self.now = 0.0

    def idle(self) -> list[Run]:
        return [run for state in self.ledger.states for run in state.runs if run not in self.pending]

    def run_of(self, pick: int) -> Run:
        runs = self.idle()
        return runs[pick % len(runs)]

    @rule(connections=st.integers(1, 5), speed=st.one_of(st.none(), st.floats(0.5, 50)), wait=st.floats(0, 4))
    def take(self, connections: int, speed: float | None, wait: float) -> None:
        self.now += wait
        choice = choose(self.ledger, Idle(connections, Pace(speed)), self.now, RULES)
        if choice is not None:
            run = assign(self.ledger, choice, self.now)
            assert 0 <= run.pos < run.end <= self.ledger.states[run.blob].blob.size

    @precondition(lambda self: self.idle())
    @rule(pick=st.integers(0, 9), count=st.integers(1, 60), wait=st.floats(0, 1))
    def receive(self, pick: int, count: int, wait: float) -> None:
        self.now += wait
        run = self.run_of(pick)
        count = min(count, self.ledger.states[run.blob].blob.size - run.pos)
        if count > 0:
            ranges = self.ledger.begin(run, count, self.now)
            for start, end in ranges:
                for place in range(start, end):
                    self.written[run.blob][place] += 1
            self.pending[run] = ranges

    @precondition(lambda self: self.pending)
    @rule(pick=st.integers(0, 9), fails=st.booleans())
    def write(self, pick: int, fails: bool) -> None:
        run = list(self.pending)[pick % len(self.pending)]
        ranges = self.pending.pop(run)
        if fails:
            for start, end in ranges:
                for place in range(start, end):
                    self.written[run.blob][place] -= 1
            self.ledger.cancel(run, ranges)
        else:
            self.ledger.commit(run, ranges)

    @precondition(lambda self: self.idle())
    @rule(pick=st.integers(0, 9))
    def end(self, pick: int) -> None:
        self.ledger.release(self.run_of(pick))

    @precondition(lambda self: self.idle())
    @rule(pick=st.integers(0, 9))
    def ranges_ignored(self, pick: int) -> None:
        self.ledger.restart(self.run_of(pick))

    @precondition(lambda self: self.idle())
    @rule(pick=st.integers(0, 9))
    def reply_goes_on(self, pick: int) -> None:
        run = self.run_of(pick)
        if run.remaining == 0 and self.ledger.extend(run):
            state = self.ledger.states[run.blob]
            assert not state.had.covers(run.pos, run.end)
            assert run.end <= state.blob.size

    @invariant()
    def each_byte_is_written_once(self) -> None:
        assert all(count in (0, 1) for blob in self.written for count in blob)

    @invariant()
    def had_is_what_was_written(self) -> None:
        for state, written in zip(self.ledger.states, self.written):
            claimed = RangeSet([*state.had, *state.writing])
            assert [place for place, count in enumerate(written) if count] == [
                place for start, end in claimed for place in range(start, end)
            ]

    @invariant()
    def all_is_had_or_given_or_open(self) -> None:
        for state in self.ledger.states:
            whole = RangeSet([*state.had, *state.writing, *((run.pos, run.end) for run in state.runs), *state.gaps()])
            assert whole.covers(0, state.blob.size)

    def teardown(self) -> None:
        """From any state one honest connection comes to the end."""
        if not hasattr(self, "ledger"):
            return
        for run, ranges in list(self.pending.items()):
            self.ledger.commit(run, ranges)
        self.pending.clear()
        for run in self.idle():
            self.ledger.release(run)
        for _ in range(1000):
            choice = choose(self.ledger, Idle(1), self.now, RULES)
            if choice is None:
                break
            run = assign(self.ledger, choice, self.now)
            while run.remaining:
                self.ledger.commit(run, self.ledger.begin(run, run.remaining, self.now))
            self.ledger.release(run)
        assert all(state.is_complete for state in self.ledger.states)


TestThreads = Threads.TestCase
TestThreads.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_late_twin_writes_nothing() -> None:
    """Two runs over one range: what the first reserved or wrote is not given to the second, and it is told to end."""
    ledger = Ledger([blob(100)])
    first, second = ledger.claim(0, 0, 100, 0.0), ledger.claim(0, 0, 100, 0.0)
    reserved = ledger.begin(first, 60, 1.0)
    assert reserved == [(0, 60)]
    assert ledger.begin(second, 80, 1.0) == [(60, 80)]
    ledger.commit(first, reserved)
    ledger.commit(second, [(60, 80)])
    assert ledger.begin(first, 40, 2.0) == [(80, 100)]
    ledger.commit(first, [(80, 100)])
    assert ledger.needless(0) == [second]  # the first is at its end by itself
    assert ledger.begin(second, 5, 2.0) == []
    assert second.remaining == 0


def test_a_stream_ends_where_the_rest_is_had() -> None:
    """A reply from 0 is read to the last gap, not to the blob's end."""
    ledger = Ledger([blob(100)], [RangeSet([(20, 30), (60, 100)])])
    run = ledger.claim(0, 30, 60, 0.0)
    assert ledger.restart(run)
    ledger.commit(run, ledger.begin(run, 60, 1.0))
    assert not ledger.extend(run)
    assert ledger.states[0].is_complete


def test_speed_falls_while_silent() -> None:
    """A run's speed is that of the last seconds: silence shows."""
    run = Run(0, 0, 10_000, 0.0)
    assert run.speed(0.1) is None
    for tenth in range(1, 41):
        run.count(100, tenth / 10)
    assert 800 < (run.speed(4.0) or 0) < 1200
    assert (run.speed(60.0) or 0) < 50


def test_what_is_in_hand_is_kept_when_a_run_is_given_up() -> None:
    """It came: it would come twice otherwise. What has not come is missing at once."""
    ledger = Ledger([blob(1000)])
    run = ledger.claim(0, 0, 1000, 0.0)
    run.in_hand = 300
    ledger.give_up(run)
    assert list(ledger.states[0].gaps()) == [(300, 1000)]
    ranges = ledger.begin(run, 400, 1.0)
    assert ranges == [(0, 300)]
    ledger.commit(run, ranges)
    assert not run.remaining
