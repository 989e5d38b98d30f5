"""Transfers from several sources in memory: each fault is met at its source, and the bytes are right in the end."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Callable, List, Tuple

import pytest
from support.memory import MemorySource, Script
from support.transfers import Bench

from dockferry.errors import AuthError, BodyError, ContentError, NotFoundError
from dockferry.events import SourceReport, Warned
from dockferry.oci.descriptor import Descriptor
from dockferry.transfer.ranges import RangeSet

Rule = Callable[[int, Descriptor, int, int], Script]


class Turns:
    """Each source gives its first reply only when every source was asked: so each has its part in the blob."""

    def __init__(self, sources: int) -> None:
        self._asked = threading.Barrier(sources, timeout=20)

    def rule(self, rule: Rule) -> Rule:
        def scripted(number: int, blob: Descriptor, start: int, end: int) -> Script:
            if number == 0:
                self._asked.wait()
            return rule(number, blob, start, end)

        return scripted


def honest(number: int, blob: Descriptor, start: int, end: int) -> Script:
    return Script()


def lying(number: int, blob: Descriptor, start: int, end: int) -> Script:
    return Script(flip=(start + end) // 2)


def lying_once(number: int, blob: Descriptor, start: int, end: int) -> Script:
    return lying(number, blob, start, end) if number == 0 else Script()


def ignoring(number: int, blob: Descriptor, start: int, end: int) -> Script:
    return Script(start=0)


def bench_of(tmp_path: Path, *rules: Rule, sizes: Tuple[int, ...] = (3_000_000,)) -> Bench:
    bench = Bench(tmp_path, sizes)
    turns = Turns(len(rules))
    found = [MemorySource(bench.image.blobs, turns.rule(rule), f"m{place}") for place, rule in enumerate(rules)]
    bench.source, bench.others = found[0], found[1:]
    return bench


def warnings(bench: Bench) -> str:
    return " ".join(event.message for event in bench.events if isinstance(event, Warned))


@pytest.mark.parametrize("rule", [lying, lying_once])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_liar_of_three(tmp_path: Path, place: int, rule: Rule) -> None:
    """Whichever it is: the bytes are right, it is the one that is named and banned, and the cost is bounded."""
    rules = [honest, honest, honest]
    rules[place] = rule
    bench = bench_of(tmp_path, *rules)
    outcome = bench.run(6)
    bench.check()
    assert [one.banned for one in outcome.sources] == [number == place for number in range(3)]
    assert f"m{place} gave wrong bytes" in warnings(bench)
    assert outcome.received <= 2.5 * bench.size


@pytest.mark.parametrize("place", [0, 1])
def test_one_liar_of_two(tmp_path: Path, place: int) -> None:
    """A liar is found though there is nobody to outvote it."""
    rules = [honest, honest]
    rules[place] = lying
    bench = bench_of(tmp_path, *rules)
    outcome = bench.run()
    bench.check()
    assert [one.banned for one in outcome.sources] == [number == place for number in range(2)]


def test_two_liars_and_one_that_is_honest(tmp_path: Path) -> None:
    """The honest one is the last that is asked, and enough."""
    bench = bench_of(tmp_path, lying, lying, honest)
    bench.run(6)
    bench.check()


def test_all_lie(tmp_path: Path) -> None:
    """Two sources that always lie: the end names blob and host, after a bounded number of bytes."""
    bench = bench_of(tmp_path, lying, lying)
    with pytest.raises(ContentError) as caught:
        bench.run()
    layer = bench.image.layers[0]
    assert str(layer.digest) in str(caught.value)
    assert "m0" in str(caught.value) or "m1" in str(caught.value)
    assert bench.source.given + bench.others[0].given <= 40 * layer.size


def test_a_liar_that_alone_has_a_blob_is_asked_for_it(tmp_path: Path) -> None:
    """It is banned for the first blob; the second one nobody else has, and its bytes are right."""

    def other(number: int, blob: Descriptor, start: int, end: int) -> Script:
        return Script(error=NotFoundError("404")) if blob.size < 2_000_000 else Script()

    def liar(number: int, blob: Descriptor, start: int, end: int) -> Script:
        return lying(number, blob, start, end) if blob.size > 2_000_000 else Script()

    bench = bench_of(tmp_path, other, liar, sizes=(3_000_000, 900_000))
    outcome = bench.run()
    bench.check()
    assert outcome.sources[1].banned


def test_what_an_earlier_run_left_may_be_the_lie(tmp_path: Path) -> None:
    """A wrong byte from before is found among the givers, no source is blamed, and the journal has all in the end."""
    bench = bench_of(tmp_path, honest, honest)
    layer = bench.image.layers[0]
    given = bench.image.blobs[layer.digest]
    bench.destination.data[layer.digest][:1_000_000] = given[:1_000_000]
    bench.destination.data[layer.digest][500_000] ^= 1
    bench.had = [RangeSet([(0, 1_000_000)])]
    outcome = bench.run()
    bench.check()
    assert not any(one.wrong or one.banned for one in outcome.sources)
    assert outcome.received <= 2 * bench.size
    bench.recover()
    assert bench.had[0].covers(0, layer.size)


def test_a_mirror_that_ignores_ranges_costs_its_own_replies_only(tmp_path: Path) -> None:
    """The good source goes on over many connections, and nothing is written twice."""
    bench = bench_of(tmp_path, honest, ignoring, sizes=(6_000_000,))
    bench.run()
    bench.check()
    assert bench.destination.written == bench.size
    assert len(bench.source.requests) > 4


def test_every_source_refuses_another_blob(tmp_path: Path) -> None:
    """Each blob comes from where it is."""

    bench = bench_of(tmp_path, honest, honest, sizes=(1_000_000, 900_000, 800_000))

    def refusing(place: int) -> Rule:
        refused = bench.image.layers[place]
        return lambda number, blob, start, end: Script(error=AuthError("403") if blob == refused else None)

    bench.source.script, bench.others[0].script = refusing(0), refusing(1)
    bench.run()
    bench.check()


def test_one_source_dies_for_good(tmp_path: Path) -> None:
    """After its first reply it only resets: nothing waits for it, and it is reported with its errors."""

    def dying(number: int, blob: Descriptor, start: int, end: int) -> Script:
        return Script(cut=10_000) if number == 0 else Script(error=BodyError("reset"))

    bench = bench_of(tmp_path, honest, dying)
    outcome = bench.run()
    bench.check()
    assert outcome.received == bench.size
    assert outcome.sources[1].errors


def test_reports_are_told_at_the_end_of_a_failure_too(tmp_path: Path) -> None:
    """Who gave what, and who failed, is worth knowing then."""

    def dead(number: int, blob: Descriptor, start: int, end: int) -> Script:
        return Script(error=AuthError("403"))

    bench = bench_of(tmp_path, dead, dead)
    with pytest.raises(AuthError):
        bench.run()
    reports: List[SourceReport] = [event for event in bench.events if isinstance(event, SourceReport)]
    assert [report.source for report in reports] == ["m0", "m1"]
    assert all(report.errors for report in reports)
