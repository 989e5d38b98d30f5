"""Bytes: how many are received, written and read back for an image, as server and kernel have counted them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import pytest
from support.bounds import hold
from support.costs import LINUX, MIB, Cost, cost_of, documents, plain_image, pull_args, size_of
from support.disk import disk_folder
from support.images import MadeImage
from support.served import store_of
from support.thefts import Sent, check_sent, most_twice, twice

from dockferry.serve import Served, serve

ONE, SEVERAL, TINY = plain_image(40 * MIB), plain_image(*[2 * MIB] * 16), plain_image(1_000)
IMAGES = pytest.mark.parametrize("image", [ONE, SEVERAL], ids=["one layer", "16 layers"])
LOOSE = 256 * 1024
"""Bytes by which the start of one run may differ from that of another."""

pytestmark = LINUX


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Bytes that a program reads to start, and to pull next to nothing."""
    return pulled(tmp_path_factory.mktemp("start"), TINY, 1).read


def pulled(folder: Path, image: MadeImage, threads: int) -> Cost:
    """The cost of a pull to `folder`/home; each body's bytes were sent once."""
    return pulled_and_sent(folder, image, threads)[0]


def pulled_and_sent(folder: Path, image: MadeImage, threads: int) -> Tuple[Cost, Sent]:
    """The same, and what was sent of the layers: more than once is only what was stolen, of which there is little."""
    (folder / "home").mkdir()
    requests: List[Served] = []
    with serve(store_of(image), on_request=requests.append) as running:
        cost = cost_of(folder / "home", pull_args(running, "-t", str(threads)))
    sent = check_sent(requests, image, threads)
    assert sum(one.sent for one in requests) == size_of(image) + sent.extra + documents(image)
    return cost, sent


@IMAGES
@pytest.mark.parametrize("threads", [1, 5, 20])
def test_bytes_are_received_and_written_once(tmp_path: Path, image: MadeImage, threads: int) -> None:
    """On the wire the blobs and the documents, exactly where nothing is stolen; to files 1.01 times the archive."""

    def run(folder: Path) -> Dict[str, float]:
        cost, sent = pulled_and_sent(folder, image, threads)
        size = (folder / "home" / "a.tar").stat().st_size
        assert size <= cost.written <= size * 1.01
        return twice(sent)

    hold(tmp_path, run, most_twice(image))


@IMAGES
@pytest.mark.parametrize("threads", [1, 5, 20])
def test_bytes_are_brought_to_the_disk_once(tmp_path: Path, image: MadeImage, threads: int) -> None:
    """The archive, and 1 % more at most, wherever the system counts what it brings to a disk."""
    with disk_folder(tmp_path) as folder:
        cost = pulled(folder, image, threads)
        size = (folder / "home" / "a.tar").stat().st_size
    assert size <= cost.stored <= size * 1.01


@pytest.fixture
def one_processor() -> Iterator[None]:
    """This thread, and what it starts, has one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@IMAGES
@pytest.mark.usefixtures("one_processor")
def test_one_connection_on_one_processor_reads_nothing_back(tmp_path: Path, image: MadeImage, start: int) -> None:
    """What comes in order is hashed from the buffer in hand: no byte of it is read from the file."""
    hold(tmp_path, lambda folder: read_back(folder, image, 1, start), {"read back": LOOSE})


@IMAGES
def test_one_connection_is_read_back_once_at_most(tmp_path: Path, image: MadeImage, start: int) -> None:
    """Where a second processor is free it hashes what comes too fast for the first, close behind."""
    assert read_back(tmp_path, image, 1, start)["read back"] <= size_of(image) + LOOSE


def test_a_layer_for_each_connection_is_hardly_read_back(tmp_path: Path, start: int) -> None:
    """As long as there are layers for all: a quarter of the bytes at most, which share a layer near the end."""
    most = {"read back": size_of(SEVERAL) // 4 + LOOSE}
    hold(tmp_path, lambda folder: read_back(folder, SEVERAL, 4, start), most)


@pytest.mark.parametrize("threads", [2, 5, 20])
def test_a_shared_layer_is_read_back_once_at_most(tmp_path: Path, threads: int, start: int) -> None:
    """Whatever came out of order: nothing is read a second time."""
    assert read_back(tmp_path, ONE, threads, start)["read back"] <= size_of(ONE) + LOOSE


def read_back(folder: Path, image: MadeImage, threads: int, start: int) -> Dict[str, float]:
    """Bytes that a pull reads from files beyond those of its `start`."""
    return {"read back": pulled(folder, image, threads).read - start}
