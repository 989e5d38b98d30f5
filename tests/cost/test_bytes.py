"""Bytes: how many are received, written and read back for an image, as server and kernel have counted them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest
from support.costs import LINUX, MIB, Cost, cost_of, documents, plain_image, pull_args, size_of
from support.images import MadeImage
from support.served import store_of

from dockferry.serve import serve

ONE, SEVERAL, TINY = plain_image(40 * MIB), plain_image(*[2 * MIB] * 16), plain_image(1_000)
IMAGES = pytest.mark.parametrize("image", [ONE, SEVERAL], ids=["one layer", "16 layers"])
LOOSE = 256 * 1024
"""Bytes by which the start of one run may differ from that of another."""

pytestmark = LINUX


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Bytes that a program reads to start, and to pull next to nothing."""
    return pulled(tmp_path_factory.mktemp("start") / "home", TINY, 1).read


def pulled(directory: Path, image: MadeImage, threads: int) -> Cost:
    """The cost of a pull; the server has sent each body's bytes once."""
    directory.mkdir()
    with serve(store_of(image)) as running:
        cost = cost_of(directory, pull_args(running, "-t", str(threads)))
        assert running.sent == size_of(image) + documents(image)
    return cost


@IMAGES
@pytest.mark.parametrize("threads", [1, 5, 20])
def test_bytes_are_received_and_written_once(tmp_path: Path, image: MadeImage, threads: int) -> None:
    """On the wire the blobs and the documents exactly; to files, and to the disk, 1.01 times the archive at most."""
    cost = pulled(tmp_path / "home", image, threads)
    size = (tmp_path / "home" / "a.tar").stat().st_size
    assert size <= cost.written <= size * 1.01
    assert cost.stored <= size * 1.01


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
    assert pulled(tmp_path / "home", image, 1).read <= start + LOOSE


@IMAGES
def test_one_connection_is_read_back_once_at_most(tmp_path: Path, image: MadeImage, start: int) -> None:
    """Where a second processor is free it hashes what comes too fast for the first, close behind."""
    assert pulled(tmp_path / "home", image, 1).read <= start + size_of(image) + LOOSE


def test_a_layer_for_each_connection_is_hardly_read_back(tmp_path: Path, start: int) -> None:
    """As long as there are layers for all: a quarter of the bytes at most, which share a layer near the end."""
    assert pulled(tmp_path / "home", SEVERAL, 4).read <= start + size_of(SEVERAL) // 4 + LOOSE


@pytest.mark.parametrize("threads", [2, 5, 20])
def test_a_shared_layer_is_read_back_once_at_most(tmp_path: Path, threads: int, start: int) -> None:
    """Whatever came out of order: nothing is read a second time."""
    assert pulled(tmp_path / "home", ONE, threads).read <= start + size_of(ONE) + LOOSE
