"""The choice of a source: the fastest gets most, each is tried, and none is a burden, over a virtual hour."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import pytest

from dockferry.transfer.choice import Standing, maybe_low, order
from dockferry.transfer.goodput import Goodput

_STEP = 0.02


class World:
    """Sources that give `total` bytes a second in all and `each` to a connection, over virtual time."""

    def __init__(self, sources: Sequence[Tuple[float, float]], connections: int, piece: float = 4e6) -> None:
        self.sources, self.piece = sources, piece
        self.goodputs = [Goodput() for _ in sources]
        self.given = [0.0] * len(sources)
        self.running: List[Tuple[int, float]] = []
        self.connections = connections
        self.now = 0.0

    def standings(self) -> List[Standing]:
        now = self.now
        return [
            Standing(place, one.connections, one.speed(now), one.total(now), one.is_settled)
            for place, one in enumerate(self.goodputs)
        ]

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            while len(self.running) < self.connections:
                best = order(self.standings(), self.connections)[0]
                self.goodputs[best].opened(self.now)
                self.running.append((best, self.piece))
            self.now += _STEP
            counts = [sum(place == source for place, _ in self.running) for source in range(len(self.sources))]
            rates = [min(total / max(1, count), each) for (total, each), count in zip(self.sources, counts)]
            still = []
            for source, left in self.running:
                got = min(left, rates[source] * _STEP)
                self.given[source] += got
                self.goodputs[source].received(int(got), self.now)
                if left > got:
                    still.append((source, left - got))
                else:
                    self.goodputs[source].closed(self.now)
            self.running = still

    def shares(self) -> List[float]:
        return [given / sum(self.given) for given in self.given]

    def counted(self, seconds: float) -> List[float]:
        """How many of the connections each source has, on average."""
        sums: Dict[int, float] = dict.fromkeys(range(len(self.sources)), 0.0)
        looks = 50
        for _ in range(looks):
            self.run(seconds / looks)
            for source, one in enumerate(self.goodputs):
                sums[source] += one.connections
        scale = self.connections / sum(sums.values())  # some were just between two pieces
        return [sums[source] * scale for source in range(len(self.sources))]


@pytest.mark.parametrize("rates", [(80e6, 20e6), (20e6, 80e6), (50e6, 50e6), (80e6, 15e6, 5e6)])
def test_hosts_that_give_so_much_in_all_are_used_up(rates: Sequence[float]) -> None:
    """Bytes come in the proportion of the hosts, which is as fast as they can be together."""
    world = World([(rate, 1e9) for rate in rates], 10)
    world.run(60.0)
    assert sum(world.given) >= 0.98 * 60.0 * sum(rates)
    for share, rate in zip(world.shares(), rates):
        assert share == pytest.approx(rate / sum(rates), abs=0.02)


def test_connections_settle_eight_to_two() -> None:
    """80 and 20 MB/s, ten connections: about eight of them at the faster one."""
    world = World([(20e6, 1e9), (80e6, 1e9)], 10)
    world.run(20.0)
    slow, fast = world.counted(20.0)
    assert slow == pytest.approx(2, abs=0.7)
    assert fast == pytest.approx(8, abs=0.7)


def test_where_each_connection_is_limited_they_go_to_the_faster_host() -> None:
    """8 and 2 MB/s a connection: all but the one that keeps an eye on the other are at the faster one."""
    world = World([(1e9, 2e6), (1e9, 8e6)], 10)
    world.run(20.0)
    slow, fast = world.counted(20.0)
    assert slow == pytest.approx(1, abs=0.3)
    assert fast == pytest.approx(9, abs=0.3)


def test_a_silent_host_keeps_one_connection_at_most() -> None:
    """What gives nothing gets no second connection once that is known."""
    world = World([(8e6, 1e9), (2e6, 1e9), (0.0, 1e9)], 9)
    world.run(5.0)
    world.running = [run for run in world.running if run[0] != 2]
    while world.goodputs[2].connections:
        world.goodputs[2].closed(world.now)
    world.run(20.0)
    assert world.goodputs[2].connections == 1


def test_a_host_that_becomes_faster_is_noticed() -> None:
    """Speeds change hands; so do the connections."""
    world = World([(80e6, 1e9), (20e6, 1e9)], 10)
    world.run(20.0)
    world.sources = list(reversed(world.sources))
    world.run(10.0)
    first, second = world.counted(10.0)
    assert first == pytest.approx(2, abs=0.7)
    assert second == pytest.approx(8, abs=0.7)


def test_one_connection_tries_each_and_stays_at_the_best() -> None:
    """There is nothing to spare for a slower one."""
    world = World([(2e6, 1e9), (8e6, 1e9), (4e6, 1e9)], 1)
    world.run(60.0)
    assert world.shares()[1] > 0.95
    assert min(world.given) > 0


def test_unknown_sources_share_the_first_connections() -> None:
    """Before anything is known, connections go round."""
    counts = [0, 0, 0]
    for _ in range(7):
        best = order([Standing(place, count) for place, count in enumerate(counts)], 7)[0]
        counts[best] += 1
    assert counts == [3, 2, 2]


@pytest.mark.parametrize(
    ("speeds", "low"),
    [((8e6, 9e6), None), ((8e6, 1e5), 1), ((None, 1e5), None), ((8e6, None), None), ((1e4, 8e6, 1e5), 0)],
)
def test_low_is_far_below_the_best(speeds: Sequence[Optional[float]], low: Optional[int]) -> None:
    """Only what is known is judged, against what is known."""
    standings = [Standing(place, 1, speed, speed, True) for place, speed in enumerate(speeds)]
    assert maybe_low(standings) == low


def test_a_slow_source_alone_is_not_low() -> None:
    """Nor is one that nobody uses."""
    assert maybe_low([Standing(0, 1, 10.0, 10.0, True)]) is None
    assert maybe_low([Standing(0, 0, 10.0, 10.0, True), Standing(1, 2, 1e6, 2e6, True)]) is None


def test_goodput_counts_the_time_until_an_answer() -> None:
    """A connection that waits two seconds and then gives for two is half as good as its speed."""
    goodput = Goodput()
    goodput.opened(10.0)
    assert goodput.speed(10.1) is None
    assert goodput.speed(12.0) == 0.0
    for tenth in range(1, 21):
        goodput.received(100_000, 12.0 + tenth / 10)
    known = goodput.speed(14.0)
    assert known is not None
    assert 5e5 < known < 8e5
    goodput.closed(14.0)
    assert goodput.speed(600.0) == known
    assert goodput.used == 4.0
