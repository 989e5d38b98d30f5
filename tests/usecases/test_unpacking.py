"""Unpacking: each layer comes out right, or the image is wrong; whatever the blob was meanwhile."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import random
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import pytest
from support.archives import content_of
from support.images import MadeImage
from support.plain import Packed, all_kinds, gzipped, image_of, tar_of, tree_of, zstd_packed

from dockferry.archive import unpack
from dockferry.archive.archive_file import ArchiveFile
from dockferry.archive.content import Content
from dockferry.archive.layer_tree import LayerTree
from dockferry.archive.legacy_tar import LegacyTar
from dockferry.archive.plain_form import Sink, is_good
from dockferry.archive.plan import Plan
from dockferry.errors import ContentError, DiskError, UsageError
from dockferry.events import BlobDone, BlobProgress, Event, Progress, Unpacking
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.usecases import unpacking
from dockferry.usecases.follower import Follower
from dockferry.usecases.unpacking import Unpackers, check_decompressors

LAYERS = all_kinds(200_000)
MAGIC = b"\x28\xb5\x2f\xfd"
"""Of zstd."""


class Bench:
    """An image's store and tree, and the events of an engine, told by the test."""

    def __init__(self, directory: Path, image: MadeImage, form: Callable[[Path, Content], Any] = LayerTree) -> None:
        self.image = image
        directory.mkdir(exist_ok=True)
        self._directory = directory
        content = content_of(image)
        self.tree = form(directory / "a_layers", content)
        self.store = ArchiveFile(directory / "a.tar", Plan.of(content))
        self.follower = Follower(self.store.blobs)
        self.told: List[Event] = []
        self._tell: Optional[Callable[[Event], None]] = None

    @contextlib.contextmanager
    def running(self) -> Iterator[Unpackers]:
        self.store.open()
        self.tree.open(beside=0)
        name = lambda layer: f"layer {layer.blob.digest.short}"  # noqa: E731
        with Unpackers(self.tree, self.store, self.follower, name, "do something") as unpackers:
            self._tell = unpackers.follow(self.told.append)
            yield unpackers
        self.store.close()

    def tell(self, event: Event) -> None:
        assert self._tell is not None
        self._tell(event)

    def put(self, blob: Descriptor, data: bytes, offset: int = 0) -> None:
        self.store.write(blob, offset, memoryview(data))

    def hashed(self, *blobs: Tuple[Descriptor, int]) -> None:
        active = tuple(BlobProgress(str(blob.digest), blob.size, 0, count, 0.0, 0.0, None) for blob, count in blobs)
        self.tell(Progress(0.0, 0, 1, 0, 0, 1, 0, 0.0, None, 1, active))

    def done(self, blob: Descriptor) -> None:
        self.tell(BlobDone(str(blob.digest), blob.size))

    def finish(self, unpackers: Unpackers) -> None:
        unpackers.finish(self.told.append, 0.05)

    def end(self, unpackers: Unpackers, *blobs: Descriptor) -> None:
        """These are proved, and no more comes. A failure may be told with any of them."""
        for blob in blobs:
            self.done(blob)
        self.finish(unpackers)

    def until_it_fails(self, blob: Descriptor) -> None:
        for _ in range(2000):
            self.done(blob)
            threading.Event().wait(0.01)

    def wait(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            threading.Event().wait(0.01)
        raise AssertionError("it did not come to that")

    def unfinished(self) -> int:
        """Bytes of all layers that are being unpacked."""
        files = [path for path in self._directory.rglob("*") if path.name.endswith(("layer.tar.part", ".plain.part"))]
        return sum(path.stat().st_size for path in files)

    def written(self, number: int) -> int:
        """Bytes of a layer that is being unpacked."""
        name = self.tree.layers[number].blob.digest.short
        path = self.tree.path.with_name("a_layers.part") / name / "layer.tar.part"
        return path.stat().st_size if path.exists() else -1


def contents(path: Path) -> Dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def test_few_layers_with_windows_are_in_the_middle_of_it(tmp_path: Path) -> None:
    """zstd may take 128 MiB for a layer: of six that have come half-way four are begun, and all come right."""
    luck = random.Random(5)
    layers = [zstd_packed(bytes(luck.getrandbits(8) for _ in range(600_000))) for _ in range(6)]
    bench = Bench(tmp_path, image_of(layers))
    halves = {blob: blob.size // 2 for blob in bench.store.blobs if bench.image.blobs[blob.digest][:4] == MAGIC}
    with bench.running() as unpackers:
        for blob in bench.store.blobs:
            bench.put(blob, bench.image.blobs[blob.digest])
        bench.hashed(*halves.items())
        begun = lambda: sum(bench.written(number) > 0 for number in range(6))  # noqa: E731
        bench.wait(lambda: begun() == 4)
        threading.Event().wait(0.3)
        assert begun() == 4
        bench.end(unpackers, *bench.store.blobs)
    bench.tree.publish()
    assert sorted(contents(bench.tree.path).items()) == tree_of(bench.image, layers)


def test_layers_follow_the_blobs(tmp_path: Path) -> None:
    """Blobs that come a bit at a time, in a random order: at the end every layer is there."""
    bench = Bench(tmp_path, image_of(LAYERS))
    luck = random.Random(4)
    at = dict.fromkeys(bench.store.blobs, 0)
    with bench.running() as unpackers:
        while at:
            blob = luck.choice(list(at))
            data = bench.image.blobs[blob.digest][at[blob] : at[blob] + luck.randrange(1, 90_000)]
            bench.put(blob, data, at[blob])
            at[blob] += len(data)
            bench.hashed(*at.items())
            if at[blob] == blob.size:
                bench.done(blob)
                del at[blob]
        bench.finish(unpackers)
    bench.tree.publish()
    assert sorted(contents(bench.tree.path).items()) == tree_of(bench.image, LAYERS)


def test_a_layer_is_unpacked_before_its_blob_is_there(tmp_path: Path) -> None:
    """Half of the blob gives about half of the layer."""
    layer = gzipped(tar_of("a", 2_000_000))
    bench = Bench(tmp_path, image_of([layer]))
    (blob,) = bench.store.blobs
    with bench.running() as unpackers:
        bench.put(blob, layer.data)
        bench.hashed((blob, blob.size // 2))
        bench.wait(lambda: bench.written(0) > len(layer.plain) // 3)
        assert bench.written(0) <= len(layer.plain) // 2 + 100_000
        bench.done(blob)
        bench.finish(unpackers)


WRONG = pytest.mark.parametrize("how", ["another gzip", "rubbish", "set back", "short"])


@WRONG
def test_a_blob_that_was_wrong_is_unpacked_once_more(how: str, tmp_path: Path) -> None:
    """Hashed, read, and found wrong: the layer is made of what is proved, and nothing is told of it."""
    layer = gzipped(tar_of("a", 500_000))
    bench = Bench(tmp_path, image_of([layer]))
    (blob,) = bench.store.blobs
    other = gzipped(tar_of("b", 400_000)).data.ljust(blob.size, b"\0")[: blob.size]
    wrong = {"rubbish": layer.data[: blob.size // 2] + b"?" * (blob.size - blob.size // 2), "another gzip": other}
    with bench.running() as unpackers:
        bench.put(blob, wrong.get(how, layer.data))
        if how == "short":
            bench.put(blob, bytes(1000), blob.size // 2)
        bench.hashed((blob, blob.size if how != "set back" else blob.size // 2))
        bench.wait(lambda: bench.written(0) > 50_000 or has_given_up(unpackers, bench))
        if how == "set back":
            bench.hashed((blob, 0))
        bench.put(blob, layer.data)
        bench.done(blob)
        bench.finish(unpackers)
    bench.tree.publish()
    assert sorted(contents(bench.tree.path).items()) == tree_of(bench.image, [layer])


def has_given_up(unpackers: Unpackers, bench: Bench) -> bool:
    """Whether what was hashed has been read to where it was found wrong, and its layer removed."""
    return any(stream.offset for stream in list(unpackers._reading.values())) and bench.written(0) == -1


def test_a_lie_that_only_zstd_could_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no zstd, unproved bytes that begin like it are no reason to end; proved ones are."""
    monkeypatch.setattr(unpack, "has_zstd", lambda: False)
    layer = gzipped(tar_of("a", 50_000))
    bench = Bench(tmp_path, image_of([layer]))
    (blob,) = bench.store.blobs
    with bench.running() as unpackers:
        bench.put(blob, MAGIC + layer.data[4:])
        bench.hashed((blob, blob.size))
        bench.wait(lambda: has_given_up(unpackers, bench))
        bench.put(blob, layer.data)
        bench.end(unpackers, blob)
    bench.tree.publish()
    assert sorted(contents(bench.tree.path).items()) == tree_of(bench.image, [layer])
    other = Bench(tmp_path / "other", image_of([gzipped(b"")._replace(data=MAGIC + b"12345678")]))
    (blob,) = other.store.blobs
    with other.running() as unpackers:
        other.put(blob, MAGIC + b"12345678")
        with pytest.raises(UsageError, match="wanted a decompressor for zstd"):
            other.end(unpackers, blob)


@pytest.mark.parametrize("form", ["tree", "tar"])
def test_a_lie_that_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """What it became is removed, and the layer made of what is proved: then there is room."""
    layer = gzipped(tar_of("a", 50_000))
    bench = Bench(tmp_path, image_of([layer]), LegacyTar if form == "tar" else LayerTree)
    (blob,) = bench.store.blobs
    bomb = gzipped(tar_of("zeros", 3_000_000, fill=True)).data.ljust(blob.size, b"\0")
    assert len(bomb) == blob.size
    write, lies = os.pwrite, [True]

    def pwrite(fd: int, data: memoryview, offset: int) -> int:
        if lies and offset > 1_000_000:
            lies.clear()
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data, offset)

    with bench.running() as unpackers:
        bench.put(blob, bomb)
        monkeypatch.setattr(os, "pwrite", pwrite)
        bench.hashed((blob, blob.size))
        bench.wait(lambda: not lies and bench.unfinished() < 100_000)
        bench.put(blob, layer.data)
        bench.end(unpackers, blob)
    bench.tree.publish()
    bench.tree.close()
    assert is_good(bench.tree)


def test_a_wrong_diff_id_is_told_once_the_blob_is_proved(tmp_path: Path) -> None:
    """What was promised and what came, the layer, and what to do; not before it is certain."""
    layer = gzipped(tar_of("a", 5000))
    bench = Bench(tmp_path, image_of([layer], diff_ids=[Digest.of(b"other")]))
    (blob,) = bench.store.blobs
    with bench.running() as unpackers:
        bench.put(blob, layer.data)
        bench.hashed((blob, blob.size))
        bench.hashed((blob, blob.size))
        with pytest.raises(ContentError) as caught:
            bench.end(unpackers, blob)
    want = f"layer {blob.digest.short}: wanted the diff_id {Digest.of(b'other')}, got {Digest.of(layer.plain)}"
    assert str(caught.value) == f"{want}; do something"
    assert os.listdir(tmp_path / "a_layers.part" / blob.digest.short) == []


@pytest.mark.parametrize("damage", ["spoilt", "cut", "not gzip at all"])
def test_a_layer_that_cannot_be_unpacked_is_told(damage: str, tmp_path: Path) -> None:
    """Its digest is right, so it was published so."""
    whole = gzipped(tar_of("a", 50_000))
    data = {
        "spoilt": whole.data[:30_000] + b"??" + whole.data[30_002:],
        "cut": whole.data[:30_000],
        "not gzip at all": b"<html>no layer</html>",
    }[damage]
    bench = Bench(tmp_path, image_of([whole._replace(data=data)]))
    (blob,) = bench.store.blobs
    with bench.running() as unpackers:
        bench.put(blob, data)
        with pytest.raises(ContentError, match=f"layer {blob.digest.short}: wanted"):
            bench.end(unpackers, blob)


def test_a_bomb_ends_at_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that unpacks without end is an error, and what it had become is removed."""
    monkeypatch.setattr(unpacking, "cap", lambda size: 1_000_000)
    layer = gzipped(tar_of("zeros", 5_000_000, fill=True))
    bench = Bench(tmp_path, image_of([layer]))
    (blob,) = bench.store.blobs
    with bench.running() as unpackers:
        bench.put(blob, layer.data)
        with pytest.raises(ContentError, match="a bomb"):
            bench.end(unpackers, blob)
    assert bench.written(0) == -1
    assert unpack.cap(1) == 64 << 30


def test_what_had_finished_is_hashed_and_not_unpacked(tmp_path: Path) -> None:
    """A layer that an earlier run left is kept if it is right, whether its blob is there yet or not."""
    image = image_of(LAYERS)
    first = Bench(tmp_path, image)
    with first.running() as unpackers:
        for blob in first.store.blobs[:3]:
            first.put(blob, image.blobs[blob.digest])
            first.done(blob)
        first.wait(lambda: len(unpackers._done) == 3)
    part = tmp_path / "a_layers.part"
    spoilt = part / image.layers[1].digest.short / "layer.tar"
    with spoilt.open("r+b") as file:
        file.seek(5000)
        file.write(b"?")
    kept = {path: path.stat().st_ino for path in part.rglob("layer.tar")}
    second = Bench(tmp_path, image)
    with second.running() as unpackers:
        second.wait(lambda: len(unpackers._done) == 2)
        for blob in second.store.blobs:
            second.put(blob, image.blobs[blob.digest])
            second.done(blob)
        second.finish(unpackers)
    same = {path: path.stat().st_ino == number for path, number in kept.items()}
    assert same == {path: path != spoilt for path in kept}
    second.tree.publish()
    assert sorted(contents(second.tree.path).items()) == tree_of(image, LAYERS)


def test_a_full_disk_ends_the_transfer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raised where the next event is told, once: whoever tells events after that is not disturbed."""
    layer = gzipped(tar_of("a", 50_000))
    bench = Bench(tmp_path, image_of([layer]))
    (blob,) = bench.store.blobs
    with bench.running():
        bench.put(blob, layer.data)
        monkeypatch.setattr(os, "pwrite", lambda *args: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
        with pytest.raises(DiskError, match="No space left"):
            bench.until_it_fails(blob)
        for _ in range(3):
            bench.hashed((blob, blob.size))


class WatchedSink:
    """Calls `on_write` with each step that comes to `sink`."""

    def __init__(self, sink: Sink, on_write: Callable[[bytes], None]) -> None:
        self._sink, self._on_write = sink, on_write
        self.finish, self.discard = sink.finish, sink.discard

    def write(self, data: bytes) -> None:
        self._on_write(data)
        self._sink.write(data)


def watch(bench: Bench, monkeypatch: pytest.MonkeyPatch, on_write: Callable[[bytes], None]) -> None:
    real = bench.tree.sink
    monkeypatch.setattr(bench.tree, "sink", lambda number: WatchedSink(real(number), on_write))


def test_the_end_waits_for_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A little that is packed, and read at once, may be much unpacked: its thread ends in the middle of it."""
    zeros = tar_of("zeros", 30_000_000, fill=True)
    layer = Packed(gzip.compress(zeros, 9, mtime=0), zeros)
    assert len(layer.data) < 64 * 1024
    bench = Bench(tmp_path, image_of([layer]))
    steps, is_ended = [], threading.Event()
    has_begun = threading.Event()

    def on_write(data: bytes) -> None:
        steps.append(len(data))
        has_begun.set()
        assert is_ended.wait(20)

    watch(bench, monkeypatch, on_write)
    with bench.running() as unpackers:
        blob = bench.store.blobs[0]
        bench.put(blob, layer.data)
        bench.done(blob)
        assert has_begun.wait(20)
        bench.follower.stop()
        is_ended.set()
        unpackers.__exit__(None, None, None)
    assert len(steps) == 1


def test_the_end_waits_for_no_byte(tmp_path: Path) -> None:
    """Interrupted, every thread goes home, whatever it waits for."""
    bench = Bench(tmp_path, image_of(LAYERS))
    before = threading.active_count()
    with contextlib.suppress(KeyboardInterrupt), bench.running():
        for blob in bench.store.blobs:
            bench.put(blob, bench.image.blobs[blob.digest])
        bench.hashed(*((blob, blob.size // 2) for blob in bench.store.blobs))
        raise KeyboardInterrupt
    assert threading.active_count() == before


@pytest.mark.parametrize("count", [1, 3])
def test_no_more_work_at_a_time_than_there_are_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Of ten layers that are all there: as many as that, and no fewer."""
    monkeypatch.setattr(unpacking, "processors", lambda: count)
    layers = [gzipped(tar_of(f"l{number}", 300_000)) for number in range(10)]
    bench = Bench(tmp_path, image_of(layers))
    lock, at_work, most = threading.Lock(), set(), [0]
    are_all_there = threading.Event()

    def on_write(data: bytes) -> None:
        with lock:
            at_work.add(threading.get_ident())
            most[0] = max(most[0], len(at_work))
            if len(at_work) == count:
                are_all_there.set()
        assert are_all_there.wait(20)
        threading.Event().wait(0.005)
        with lock:
            at_work.discard(threading.get_ident())

    watch(bench, monkeypatch, on_write)
    with bench.running() as unpackers:
        for blob, layer in zip(bench.store.blobs, layers):
            bench.put(blob, layer.data)
        bench.end(unpackers, *bench.store.blobs)
    assert most == [count]


def test_whose_blob_is_proved_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one thread: a layer that would have to wait for bytes holds up none that would not."""
    monkeypatch.setattr(unpacking, "MAX_THREADS", 1)
    layers = [gzipped(tar_of(name, 100_000)) for name in ("first", "slow", "whole")]
    bench = Bench(tmp_path, image_of(layers))
    first, slow, whole = bench.store.blobs
    with bench.running() as unpackers:
        for blob, layer in zip(bench.store.blobs, layers):
            bench.put(blob, layer.data)
        bench.hashed((first, 1000))
        bench.wait(lambda: 0 in unpackers._begun)
        bench.hashed((slow, 1000))
        bench.done(whole)
        bench.done(first)
        bench.wait(lambda: unpackers._done == {0, 2})
        bench.end(unpackers, slow)


def test_who_waits_for_bytes_holds_up_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one processor a slow blob first, a whole one after it."""
    monkeypatch.setattr(unpacking, "processors", lambda: 1)
    slow, whole = gzipped(tar_of("slow", 100_000)), gzipped(tar_of("whole", 100_000))
    bench = Bench(tmp_path, image_of([slow, whole]))
    first, second = bench.store.blobs
    with bench.running() as unpackers:
        bench.put(first, slow.data)
        bench.put(second, whole.data)
        bench.hashed((first, 1000))
        bench.wait(lambda: bench.written(0) >= 0)
        bench.done(second)
        bench.wait(lambda: unpackers._done == {1})
        bench.done(first)
        bench.finish(unpackers)


def test_what_is_left_is_told(tmp_path: Path) -> None:
    """How many layers, and how much of the packed bytes: never more than all."""
    layers = [gzipped(tar_of("a", 3_000_000)), gzipped(tar_of("b", 3_000_000))]
    bench = Bench(tmp_path, image_of(layers))
    with bench.running() as unpackers:
        for blob, layer in zip(bench.store.blobs, layers):
            bench.put(blob, layer.data)
            bench.done(blob)
        bench.told.clear()
        unpackers.finish(bench.told.append, 0.001)
    seen = [event for event in bench.told if isinstance(event, Unpacking)]
    size = sum(len(layer.data) for layer in layers)
    assert seen
    assert all((event.layers, event.size) == (2, size) and event.done <= size for event in seen)
    assert [event.layers_done for event in seen] == sorted(event.layers_done for event in seen)


def test_zstd_without_a_decompressor_is_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the layers' types, with what to install; with one, or without such layers, nothing is said."""

    def layers_of(*layers: Packed) -> object:
        return LayerTree(Path("x"), content_of(image_of(layers))).layers

    zstd, plain = layers_of(zstd_packed(tar_of("a", 10))), layers_of(gzipped(tar_of("a", 10)))
    check_decompressors(zstd, "app:1")  # type: ignore[arg-type]
    monkeypatch.setattr(unpacking, "has_zstd", lambda: False)
    check_decompressors(plain, "app:1")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"app:1: wanted a decompressor .* zstd.*; pip install zstandard"):
        check_decompressors(zstd, "app:1")  # type: ignore[arg-type]
