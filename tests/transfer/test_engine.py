"""The engine: whatever a source does, the destination holds the right bytes in the end, or the run says why not."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional

import pytest
from support.memory import MemoryDelivery, MemorySource, Script
from support.transfers import QUICK, SMALL, Bench

from dockferry.errors import AuthError, BodyError, BusyError, ContentError, DiskError, NetworkError
from dockferry.events import Event, Progress, Retry, Warned
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.transfer.journal import Journal
from dockferry.transfer.protocols import Hold, unheld
from dockferry.transfer.scheduler import Rules
from dockferry.transfer.syncer import pause
from dockferry.transfer.trust import BLOCK
from dockferry.transfer.worker import BUFFER


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("threads", [1, 2, 7, 20, None])
def test_every_byte_comes_once(bench: Bench, threads: Optional[int]) -> None:
    """Honest source: the bytes are right, nothing is fetched twice, and the last Progress says all."""
    outcome = bench.run(threads)
    bench.check()
    assert outcome.received == bench.source.given == bench.destination.written == bench.size
    last = [event for event in bench.events if isinstance(event, Progress)][-1]
    assert (last.layers_done, last.layers, last.done, last.hashed) == (3, 3, bench.size, bench.size)


def test_one_layer_uses_many_connections(tmp_path: Path) -> None:
    """A single layer is cut into pieces, one for each connection."""
    bench = Bench(tmp_path, [2_000_000])
    bench.run(4)
    bench.check()
    assert len(bench.source.requests) >= 4


def test_much_data_is_synced_on_the_way(bench: Bench) -> None:
    """After so many bytes they are brought to stable storage while more come; the journal says so at once."""
    bench.sync_bytes = 600_000

    def wait_when_much_was_given(number: int, blob: Descriptor, start: int, end: int) -> Script:
        assert bench.source.given < bench.sync_bytes or bench.destination.synced.wait(10)
        return Script()

    bench.source.script = wait_when_much_was_given
    bench.run(1)
    bench.check()
    synced = Journal.recover(bench.path, "id", len(bench.image.layers), "another boot").had
    assert sum(ranges.total for ranges in synced) >= bench.sync_bytes


def test_cut_bodies_keep_their_bytes(bench: Bench) -> None:
    """Replies that end early are gone on with where they ended: no byte twice."""
    bench.source.script = lambda number, blob, start, end: Script(cut=50_000 if number % 2 else None)
    bench.run()
    bench.check()
    assert bench.source.given == bench.size
    assert any(isinstance(event, Retry) for event in bench.events)


def test_silent_connection_is_overtaken(bench: Bench) -> None:
    """A connection that goes silent loses its range to the others; nobody waits for it."""
    bench.source.script = lambda number, blob, start, end: Script(cut=20_000, stall=True) if number == 0 else Script()
    bench.run()
    bench.check()


def test_wrong_bit_costs_one_blob(bench: Bench) -> None:
    """A flipped bit is found by the hash; that blob alone is fetched again, and what differs then once more."""
    bench.source.script = lambda number, blob, start, end: Script(flip=start) if number == 0 else Script()
    bench.run()
    bench.check()
    assert bench.source.given <= bench.size + max(layer.size for layer in bench.image.layers) + BLOCK
    assert any(isinstance(event, Warned) and "wrong" in event.message for event in bench.events)


@pytest.mark.row(43)
@pytest.mark.parametrize("took", [0.0, 1.0, 5.0, 10.0, 14.0])
def test_a_power_cut_costs_half_a_minute_at_most(took: float) -> None:
    """From the beginning of one sync to the end of the next, on a disk that is slow to sync too."""
    assert took + pause(took) + took <= 30.0
    assert pause(took) >= 1.0


def test_always_wrong_ends_with_names(bench: Bench) -> None:
    """A source that always lies ends the run: the error names blob, source, wanted and got."""
    bench.source.script = lambda number, blob, start, end: Script(flip=start)
    with pytest.raises(ContentError) as caught:
        bench.run()
    text = str(caught.value)
    assert "memory.example" in text
    assert any(str(layer.digest) in text for layer in bench.image.layers)


@pytest.mark.parametrize("threads", [1, 4])
def test_ignored_ranges(tmp_path: Path, threads: int) -> None:
    """A source that always gives the whole blob from 0, and cuts it the first times, still ends well."""
    bench = Bench(tmp_path, [1_000_000, 300_000])
    bench.source.script = lambda number, blob, start, end: Script(start=0, cut=200_000 * (1 + number))
    bench.run(threads)
    bench.check()
    assert bench.destination.written == bench.size  # nothing was written twice


@pytest.mark.parametrize("threads", [1, 4])
def test_bytes_that_are_had_are_no_progress(tmp_path: Path, threads: int) -> None:
    """A source that ignores ranges and always dies before anything new is given up like one that gives nothing."""
    bench = Bench(tmp_path, [1_000_000])
    bench.source.script = lambda number, blob, start, end: Script(start=0, cut=200_000)
    with pytest.raises(NetworkError, match="run the same command again"):
        bench.run(threads)
    assert bench.source.given <= (QUICK.attempts + threads) * 200_000


def test_ranges_honoured_again(tmp_path: Path) -> None:
    """Ranges that are ignored at first and honoured later (a cache that fills) are used as soon as they are."""
    bench = Bench(tmp_path, [2_000_000])
    bench.source.script = lambda number, blob, start, end: Script(start=0, cut=300_000) if number < 4 else Script()
    bench.run()
    bench.check()
    assert bench.source.given < bench.size + 4 * 300_000 + 1


def test_busy_source_is_waited_for(bench: Bench) -> None:
    """429 and 5xx are waited out, each retry told with its number, reason and wait."""
    bench.source.script = lambda number, blob, start, end: (
        Script(error=BusyError("503 from memory.example", retry_after=0.02)) if number < 3 else Script()
    )
    bench.run()
    bench.check()
    retry = next(event for event in bench.events if isinstance(event, Retry))
    assert retry.number == 1
    assert retry.wait > 0
    assert "503" in retry.reason


def test_a_rest_lasts_no_longer_than_was_said(bench: Bench) -> None:
    """A source that rests for a moment is asked again right after it, not a quarter of a second later."""
    bench.source.script = lambda number, blob, start, end: (
        Script(error=BusyError("503 from memory.example")) if number % 4 else Script(cut=100_000)
    )
    began = time.monotonic()
    bench.run(1)
    bench.check()
    retries = [event for event in bench.events if isinstance(event, Retry)]
    assert time.monotonic() - began < 0.1 * len(retries)


def test_dead_source_is_given_up(bench: Bench) -> None:
    """Only failures, no byte: after the policy's attempts the run ends with NetworkError and the remedy."""
    bench.source.script = lambda number, blob, start, end: Script(error=BodyError("reset"))
    with pytest.raises(NetworkError, match="run the same command again"):
        bench.run()


def test_a_byte_a_time_is_progress(tmp_path: Path) -> None:
    """A source that drops every reply after a few bytes is never given up: progress sets the count back."""
    bench = Bench(tmp_path, [40])
    bench.source.script = lambda number, blob, start, end: Script(cut=5)
    bench.run(1)
    bench.check()
    assert len(bench.source.requests) > QUICK.attempts


def test_refused_blob_ends_at_once(bench: Bench) -> None:
    """What no retry can mend is not retried."""
    bench.source.script = lambda number, blob, start, end: Script(error=AuthError("403"))
    with pytest.raises(AuthError):
        bench.run()
    assert len(bench.source.requests) <= 4


def test_full_disk_ends_and_resumes(bench: Bench) -> None:
    """ENOSPC ends the run with DiskError; what was written before is not fetched again."""
    bench.destination.room = 600_000
    with pytest.raises(DiskError):
        bench.run()
    bench.recover()
    bench.destination.room = None
    bench.source.given = 0
    bench.run()
    bench.check()
    assert bench.source.given <= bench.size - 600_000 + 4 * 512 * 1024


def test_resume_fetches_the_rest_only(bench: Bench) -> None:
    """What the journal claims is hashed again from disk, not fetched."""
    bench.source.script = lambda number, blob, start, end: (
        Script() if number == 0 else Script(error=AuthError("enough"))
    )
    with pytest.raises(AuthError):
        bench.run(1)
    first = bench.source.given
    assert first
    bench.recover()
    bench.source.script = lambda number, blob, start, end: Script()
    bench.run()
    bench.check()
    assert bench.source.given == bench.size


def test_edited_file_is_noticed(bench: Bench) -> None:
    """A byte changed between two runs, by whomever, is found and that blob fetched again, until it is right."""
    bench.run()
    bench.recover()
    layer = bench.image.layers[0]
    bench.destination.data[layer.digest][1234] ^= 1
    bench.source.given = 0
    bench.run()
    bench.check()
    assert 0 < bench.source.given <= layer.size


def test_interrupt_is_prompt_and_keeps_state(bench: Bench) -> None:
    """An interrupt during a total stall comes through at once, and no thread is left."""
    bench.source.script = lambda number, blob, start, end: Script(cut=20_000, stall=True)

    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and event.done >= 40_000:
            raise KeyboardInterrupt

    bench.on_event = interrupt
    check_interrupt(bench)


def test_interrupt_loses_no_byte_that_came(bench: Bench) -> None:
    """What connections hold in their buffers when they are stopped is written and claimed, not fetched again."""
    bench.source.script = lambda number, blob, start, end: Script(cut=20_000, stall=True)

    def interrupt(event: Event) -> None:
        if isinstance(event, Progress) and bench.source.given >= 40_000:
            seen.append(event.done)
            if len(seen) == 1:
                raise KeyboardInterrupt

    seen: List[int] = []
    bench.on_event = interrupt
    check_interrupt(bench)
    assert seen[0] < 40_000  # half a second had not gone by: nothing had to be written yet
    assert seen[-1] >= 40_000  # and the last that is told is what is kept


def check_interrupt(bench: Bench) -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        bench.run(2)
    assert set(threading.enumerate()) == before
    bench.recover()
    assert bench.had is not None
    assert sum(ranges.total for ranges in bench.had) >= 40_000


def test_a_twin_that_waits_for_an_answer_is_ended(bench: Bench) -> None:
    """Its bytes are there: nobody waits for a source that has not begun, and no thread is left."""
    bench.source.script = lambda number, blob, start, end: Script(is_dumb=number == 0)
    bench.rules = replace(SMALL, first_byte_time=0.2)
    before = set(threading.enumerate())
    began = time.monotonic()
    bench.run(2)
    bench.check()
    assert set(threading.enumerate()) == before
    assert time.monotonic() - began < 5


class Bursts(MemorySource):
    """A few buffers at once, then a pause, as a server that counts bytes by the tick; `most`: replies at once."""

    def __init__(self, blobs: Dict[Digest, bytes], burst: int, pause: float) -> None:
        super().__init__(blobs, step=BUFFER)
        self.burst, self.pause = burst, pause
        self.replies = self.most = 0

    def open(self, blob: Descriptor, start: int, end: int, hold: Hold = unheld) -> MemoryDelivery:
        super().open(blob, start, end, hold)
        with self.lock:
            self.replies += 1
            self.most = max(self.most, self.replies)
        return BurstDelivery(self, self.blobs[blob.digest], Script(), start, end)


class BurstDelivery(MemoryDelivery):
    """A pause before each burst: the bytes of one connection stand still, and not those of the others."""

    def readinto(self, view: memoryview) -> int:
        source = self._source
        assert isinstance(source, Bursts)
        if (self._pos - self.start) % source.burst == 0:
            self._wake.wait(source.pause)
        return super().readinto(view)

    def close(self) -> None:
        source = self._source
        assert isinstance(source, Bursts)
        with source.lock:
            source.replies -= 1


def test_bursts_are_shared_out(tmp_path: Path) -> None:
    """A line that stands still between bursts is worth several connections, though each burst fills buffers."""
    bench = Bench(tmp_path, [32 * BUFFER])
    source = bench.source = Bursts(bench.image.blobs, 3 * BUFFER, 0.15)
    bench.rules = Rules(shared_min=8 * BUFFER, alone=0.35)
    bench.run(5)
    bench.check()
    assert source.most > 2


def flooding(tmp_path: Path) -> Bench:
    """One layer of 24 buffers, each there at once; the first six are asked for before it shows."""
    bench = Bench(tmp_path, [24 * BUFFER])
    bench.source = MemorySource(bench.image.blobs, step=BUFFER)
    bench.rules = Rules(shared_min=6 * BUFFER, flood_piece=12 * BUFFER, alone=60.0)
    return bench


def test_a_flood_is_few_requests(tmp_path: Path) -> None:
    """Its one connection is given much at once; on a machine that is busy itself, in one of three runs."""
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        bench = flooding(folder)
        bench.run(4)
        bench.check()
        assert bench.source.given == bench.size
        if [end - start for _, start, end in bench.source.requests[:2]] == [6 * BUFFER, 12 * BUFFER]:
            assert len(bench.source.requests) <= 4
            return
    pytest.fail("no flood in three runs")


def test_a_flood_that_dries_up_is_shared_out(tmp_path: Path) -> None:
    """The much that it was given is no loss: others take over what its connection does not bring."""
    bench = flooding(tmp_path)
    bench.rules = replace(bench.rules, alone=0.02)
    bench.source.script = lambda number, blob, start, end: (
        Script(cut=2 * BUFFER, stall=True) if start == 6 * BUFFER else Script()
    )
    began = time.monotonic()
    bench.run(4)
    bench.check()
    assert time.monotonic() - began < 10
