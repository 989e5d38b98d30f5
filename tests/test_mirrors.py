"""Several mirrors at once, whole: as fast as all of them, whatever one of them does, and each byte once."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import pytest
from support.images import MadeImage, make_image
from support.shared_rate import Liar, Line, shared

from dockferry import PullResult, pull, verify
from dockferry.events import Event, Finished, SourceReport, Warned

PIECE = 1 << 20
ONE = make_image([40_000_000], seed=7)
SOME = make_image([24_000_000, 9_000_000, 4_000_000, 2_000_000, 1_000_000], seed=8)
LITTLE = make_image([12_000_000, 3_000_000], seed=9)
FAST, SLOW = 8e6, 2e6
SLACK = 0.5
"""Seconds for what is no transfer (manifest, config, publishing), on a machine that does other things too."""


class Pulled:
    """One pull from mirrors, each with its line."""

    def __init__(
        self,
        image: MadeImage,
        lines: Sequence[Line],
        path: Path,
        liars: Sequence[Optional[Liar]] = (),
        threads: Optional[int] = None,
    ) -> None:
        self.lines = lines
        self.events: List[Event] = []
        with contextlib.ExitStack() as stack:
            liars = [*liars, *[None] * (len(lines) - len(liars))]
            mirrors = [stack.enter_context(shared(image, line, liar)) for line, liar in zip(lines, liars)]
            began = time.monotonic()
            self.result: PullResult = pull(
                "registry.example/demo/app:1.0",
                mirrors=[f"http://{mirror.host}" for mirror in mirrors],
                output=path / "a.tar",
                threads=threads,
                on_event=self.events.append,
            )
            self.time = time.monotonic() - began
        self.size = self.result.size
        verify(self.result.path)

    @property
    def twice(self) -> int:
        """Bytes that the mirrors sent and that were not needed."""
        return sum(line.sent for line in self.lines) - self.size

    @property
    def warned(self) -> str:
        return " ".join(event.message for event in self.events if isinstance(event, Warned))


@pytest.mark.parametrize(("image", "threads"), [(ONE, None), (SOME, 10)])
def test_two_honest_mirrors_are_as_fast_as_their_sum(
    tmp_path: Path, image: MadeImage, threads: Optional[int]
) -> None:
    """8 and 2 MB/s: within 5 % of what 10 MB/s would take, in the proportion of the two, nothing fetched twice."""
    done = Pulled(image, [Line(FAST), Line(SLOW)], tmp_path, threads=threads)
    assert done.time <= 1.05 * done.size / (FAST + SLOW) + SLACK
    assert done.twice <= 0.02 * done.size
    fast, slow = done.result.sources
    assert fast.share == pytest.approx(0.8, abs=0.04)
    assert slow.share == pytest.approx(0.2, abs=0.04)


@pytest.mark.parametrize("after", [0, 2_000_000])
@pytest.mark.row(5)
def test_a_third_mirror_that_stalls_costs_little(tmp_path: Path, after: int) -> None:
    """It goes silent, at once or after a while: within 15 % of the other two's time, and 2 % fetched twice."""
    stalling = Line(FAST)
    stalling.stall_after(after)
    done = Pulled(ONE, [Line(FAST), Line(SLOW), stalling], tmp_path)
    assert done.time <= 1.15 * done.size / (FAST + SLOW) + SLACK
    assert done.twice <= 0.02 * done.size
    assert done.result.sources[2].stalls


def liar_and_others(
    lines: Sequence[Line], tmp_path: Path, replies: int, liar_place: int
) -> Tuple[Pulled, SourceReport]:
    liar = Liar(replies)
    liars = [liar if place == liar_place else None for place in range(len(lines))]
    done = Pulled(LITTLE, lines, tmp_path, liars)
    assert liar.lied
    return done, done.result.sources[liar_place]


@pytest.mark.parametrize("rates", [(8e6, 2e6), (9e6, 9e6, 2e6)])
@pytest.mark.parametrize("replies", [1, 10**9])
@pytest.mark.row(13, 55)
def test_a_liar_costs_its_own_ranges_again(tmp_path: Path, rates: Sequence[float], replies: int) -> None:
    """One wrong bit in one reply, or in each: what the liar gave comes again from the others, and it is named."""
    done, liar = liar_and_others([Line(rate) for rate in rates], tmp_path, replies, len(rates) - 1)
    assert liar.banned
    assert liar.wrong
    assert f"{liar.source} gave wrong bytes of sha256:" in done.warned
    assert done.result.received <= done.size + liar.received + PIECE
    assert [one.wrong for one in done.result.sources[:-1]] == [0] * (len(rates) - 1)


@pytest.mark.row(13)
def test_a_liar_that_gave_most_is_found_all_the_same(tmp_path: Path) -> None:
    """The other one is suspected first, since it gave less. The two agree on that: then it is the liar's turn."""
    done, liar = liar_and_others([Line(8e6), Line(3e6)], tmp_path, 1, 0)
    assert liar.banned
    assert done.result.received <= 2 * done.size + PIECE
    assert not done.result.sources[1].banned


def test_the_reports_come_before_the_end(tmp_path: Path) -> None:
    """One for each source, in the order given, with shares that add up."""
    done = Pulled(LITTLE, [Line(3e7), Line(3e7)], tmp_path)
    assert isinstance(done.events[-1], Finished)
    reports = [event for event in done.events if isinstance(event, SourceReport)]
    assert done.events[-3:-1] == reports
    assert tuple(reports) == done.result.sources
    assert sum(one.share for one in reports) == pytest.approx(1.0)
    assert sum(one.received for one in reports) == done.result.received
