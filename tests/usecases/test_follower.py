"""The follower: bytes are given out as far as they are hashed, and never silently where they went back."""

from __future__ import annotations

import contextlib
import threading
from typing import Iterator, List, Tuple

import pytest

from dockferry.events import BlobDone, BlobProgress, Event, Progress, Warned
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.usecases.follower import FollowedBlob, Follower, SetBack, Stopped

DATA = bytes(range(256)) * 4
BLOB = Descriptor("", Digest.of(DATA), len(DATA))
OTHER = Descriptor("", Digest.of(b""), 0)
NAME = str(BLOB.digest)


class Memory:
    """A store of one blob."""

    def __init__(self) -> None:
        self.data = bytearray(DATA)

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        part = self.data[offset : offset + len(view)]
        view[: len(part)] = part
        return len(part)


def progress(hashed: int) -> Progress:
    active = BlobProgress(NAME, len(DATA), len(DATA), hashed, 0.0, 0.0, None)
    return Progress(0.0, 0, 1, 0, 0, len(DATA), 0, 0.0, None, 1, (active,))


def done(blob: Descriptor = BLOB) -> BlobDone:
    return BlobDone(str(blob.digest), blob.size)


@pytest.fixture
def follower() -> Follower:
    return Follower([BLOB, OTHER])


class Reader:
    """A blob that is followed in a thread of its own: what came, and how it ended."""

    def __init__(self, follower: Follower, store: Memory) -> None:
        self.came = bytearray()
        self.ended = ""
        self.waits: List[int] = []
        self._waiting = threading.Semaphore(0)
        self._blob = FollowedBlob(follower, store, BLOB, self._pause)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @contextlib.contextmanager
    def _pause(self) -> Iterator[None]:
        self.waits.append(self._blob.offset)
        self._waiting.release()
        yield

    def _run(self) -> None:
        try:
            while True:
                data = self._blob.read(100)
                if not data:
                    break
                self.came += data
            self.ended = "end"
        except (SetBack, Stopped) as error:
            self.ended = type(error).__name__

    def until_it_waits(self) -> None:
        assert self._waiting.acquire(timeout=20)

    def end(self) -> Tuple[bytes, str]:
        self._thread.join(20)
        assert not self._thread.is_alive()
        return bytes(self.came), self.ended


def test_bytes_come_as_far_as_they_are_hashed(follower: Follower) -> None:
    """Not one more, and the rest as soon as it is."""
    reader = Reader(follower, Memory())
    for hashed in (0, 250, 251):
        follower.tell(progress(hashed))
        reader.until_it_waits()
        while len(reader.came) < hashed:
            pass
    follower.tell(done())
    assert reader.end() == (DATA, "end")
    assert sorted(set(reader.waits)) == [0, 250, 251]


def test_what_goes_back_is_told(follower: Follower) -> None:
    """What was read before may be wrong: the reader has to begin again."""
    reader = Reader(follower, Memory())
    follower.tell(progress(300))
    reader.until_it_waits()
    reader.until_it_waits()
    follower.tell(progress(0))
    assert reader.end() == (DATA[:300], "SetBack")


def test_a_proved_blob_goes_nowhere(follower: Follower) -> None:
    """What is told after BlobDone, as it was seen before, changes nothing."""
    follower.tell(progress(600))
    follower.tell(done())
    follower.tell(progress(500))
    assert follower.seen(NAME) == (len(DATA), 0, True)
    blob = FollowedBlob(follower, Memory(), BLOB, contextlib.nullcontext)
    assert blob.was_proved
    assert b"".join(iter(lambda: blob.read(1000), b"")) == DATA


def test_who_waits_is_told_the_end(follower: Follower) -> None:
    """And so is who would begin to."""
    reader = Reader(follower, Memory())
    reader.until_it_waits()
    follower.stop()
    assert reader.end() == (b"", "Stopped")
    with pytest.raises(Stopped):
        FollowedBlob(follower, Memory(), BLOB, contextlib.nullcontext).read(1)
    with pytest.raises(Stopped):
        follower.wait(lambda: None)


def test_each_blob_begins_once_and_is_proved_once(follower: Follower) -> None:
    """It can be read from its first byte on, and waits for nothing when it is done."""
    events: List[Event] = [
        progress(0),
        Warned("x"),
        progress(5),
        progress(0),
        progress(7),
        done(OTHER),
        done(),
        done(),
    ]
    for event in events:
        follower.tell(event)
    assert list(follower.begun) == [NAME, str(OTHER.digest), NAME]
    assert list(Follower([BLOB, OTHER], is_proved=True).begun) == [NAME, str(OTHER.digest)]


def test_a_blob_of_no_bytes_ends_at_once(follower: Follower) -> None:
    """Nothing is waited for."""
    assert FollowedBlob(follower, Memory(), OTHER, contextlib.nullcontext).read(10) == b""


def test_a_store_that_has_not_what_was_hashed_is_a_setback(follower: Follower) -> None:
    """The bytes were lost: whoever tells the engine will say so too."""
    store = Memory()
    del store.data[50:]
    follower.tell(progress(100))
    blob = FollowedBlob(follower, store, BLOB, contextlib.nullcontext)
    assert blob.read(100) == DATA[:50]
    with pytest.raises(SetBack):
        blob.read(100)
