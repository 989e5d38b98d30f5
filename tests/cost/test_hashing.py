"""Hashing: every byte goes into a hash once: from the buffer in hand, or read back, and never both."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Tuple

import pytest
from support.child import child, wait_for
from support.costs import LINUX, MIB, cost_of, documents, plain_image, pull_args, size_of
from support.hash_counter import PROGRAM
from support.images import MadeImage
from support.served import store_of

from dockferry.serve import Running, serve

ONE, SEVERAL = plain_image(24 * MIB), plain_image(*[3 * MIB] * 6, 10_000, 1)
CLEAN = [(ONE, threads) for threads in (1, 2, 5, 20)] + [(SEVERAL, threads) for threads in (5, 20)]

pytestmark = LINUX


def hashed(directory: Path, running: Running, threads: int) -> Tuple[int, int]:
    """Bytes that a pull hashes: of blobs, as they come; and of whole documents."""
    place = directory.with_name(directory.name + ".hashed")
    cost_of(directory, [str(place), *pull_args(running, "-t", str(threads))], ["-c", PROGRAM])
    along, whole = place.read_text().split()
    return int(along), int(whole)


@pytest.mark.parametrize(("image", "threads"), CLEAN, ids=[f"{len(one.layers)}-{n}" for one, n in CLEAN])
def test_a_clean_pull_hashes_each_byte_once(tmp_path: Path, image: MadeImage, threads: int) -> None:
    """The layers' sizes exactly, with any number of connections; and few bytes of documents."""
    (tmp_path / "home").mkdir()
    with serve(store_of(image)) as running:
        along, whole = hashed(tmp_path / "home", running, threads)
    assert along == size_of(image)
    assert whole <= 4 * documents(image) + 16 * 1024


@pytest.mark.parametrize("threads", [1, 4])
def test_going_on_hashes_what_was_had_once_more(tmp_path: Path, threads: int) -> None:
    """After SIGKILL the second run hashes the whole once: what stands on disk, and the rest as it comes."""
    place = tmp_path / "home"
    place.mkdir()
    with serve(store_of(ONE), rate=16e6) as slow:
        argv = pull_args(slow, "-t", str(threads))
        with child(place, *argv) as process:
            wait_for(lambda: slow.sent > size_of(ONE) // 2, process)
            process.send_signal(signal.SIGKILL)
    with serve(store_of(ONE)) as fast:
        along, _ = hashed(place, fast, threads)
        assert fast.sent < size_of(ONE) * 3 // 4  # or it was no going on
    assert along == size_of(ONE)
