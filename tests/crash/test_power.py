"""Power cuts: after any of a pull's changes to the disk, keeping of what was not synced whatever the disk likes."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Sequence, Set

import pytest
from support.power import LEFT, Call, Disk, record, restore
from support.served import store_of
from support.sweeps import FORMATS, IMAGE, SIZE, again, argv, contents

from dockferry.events import Event, Warned
from dockferry.serve import Running, serve
from dockferry.transfer.ranges import RangeSet
from dockferry.usecases.verify import verify


@pytest.fixture(scope="module")
def slow() -> Iterator[Running]:
    """The image at 2 MB/s for each connection: a second's pull, with writes between its syncs."""
    with serve(store_of(IMAGE), rate=2e6) as running:
        yield running


def settled(calls: Sequence[Call]) -> int:
    """Bytes that must outlive a cut: claimed when a sync of all data was begun, which the journal then told durably.

    The run asks where the journal ends, syncs the data, and writes and syncs that they are safe up to there.
    """
    claimed = [RangeSet() for _ in IMAGE.layers]
    total = at_sync = safe = 0
    for call in sorted(calls, key=lambda call: call.begun if call.name == "lseek" else call.ended):
        if call.name == "write" and call.paths[0].name.endswith("journal"):
            for line in call.data.decode().splitlines():
                words = line.split()
                if words[1] == "h":
                    claimed[int(words[2])].add(int(words[3]), int(words[4]))
            total = sum(ranges.total for ranges in claimed)
        elif call.name == "lseek":
            at_sync = total
        elif call.name == "fsync" and call.paths[0].name.endswith("journal"):
            safe = at_sync
    return safe


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.row(43)
def test_power_cut_after_every_call(
    image_registry: Running, slow: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, format: str
) -> None:
    """Whatever is left: what has the final name is whole, and the next run ends equal.

    It fetches nothing that was synced, and believes nothing that was not: no claim of the journal turns out wrong.
    """
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    calls = record(recorded, argv(slow, format, threads=2))
    assert sum(call.name == "lseek" for call in calls) > 2, "no sync but the last"
    assert contents(recorded) == wanted[format]
    assert cuts(image_registry, recorded, format, calls, 0, wanted[format], LEFT) > 60


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.row(43)
def test_power_cut_after_every_call_of_a_resume(
    image_registry: Running, slow: Running, wanted: Dict[str, Dict[str, bytes]], tmp_path: Path, format: str
) -> None:
    """The same where the run before was killed, and this one rightly believed what that had not synced."""
    recorded = tmp_path / "recorded"
    recorded.mkdir()
    killed = record(recorded, argv(slow, format, threads=2), kill="write:signal=KILL:when=3")
    calls = record(recorded, argv(slow, format, threads=2), before=killed)
    assert contents(recorded) == wanted[format]
    assert (
        cuts(image_registry, recorded, format, calls, len(killed), wanted[format], ["nothing", "the journal", "some"])
        > 30
    )


def cuts(
    registry: Running,
    recorded: Path,
    format: str,
    calls: Sequence[Call],
    first: int,
    wanted: Dict[str, bytes],
    ways: Iterable[str],
) -> int:
    """Cut after each call from the `first` on, in all `ways`, and go on: how many different disks that were."""
    luck = random.Random(7)
    seen: Set[int] = set()
    for cut in range(first, len(calls) + 1):
        disk = Disk(calls[:cut])
        for way in ways:
            left = disk.left(way, luck)
            key = hash(tuple(sorted(left.items(), key=lambda item: item[0])))
            if key not in seen:
                seen.add(key)
                place = recorded.with_name(str(len(seen)))
                place.mkdir()
                restore(left, recorded, place)
                go_on(registry, place, format, wanted, settled(calls[:cut]), f"{way} left after {cut} calls")
                shutil.rmtree(place)
    return len(seen)


def go_on(registry: Running, place: Path, format: str, wanted: Dict[str, bytes], safe: int, where: str) -> None:
    final = place / "out"
    if format == "docker":
        assert not final.exists() or final.read_bytes() == wanted["out"], where
    elif (final / "index.json").exists():
        assert verify(final, deep=True), where
    journal = place / ("out.part.journal" if format == "docker" else "out/.dockferry/journal")
    has_journal = journal.exists()
    events: List[Event] = []
    received = again(registry, place, format, events)
    assert contents(place) == wanted, where
    assert received <= SIZE - safe, f"{where}: {received} bytes fetched, {safe} of {SIZE} were safe"
    said = [event.message for event in events if isinstance(event, Warned)]
    assert not has_journal or not said, f"{where}: {said}"
