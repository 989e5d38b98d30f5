"""System calls: a pull receives, writes and syncs in large steps, as the kernel's tracer has counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.calls import calls_of
from support.costs import LINUX, MIB, plain_image, pull_args, size_of
from support.served import store_of

from dockferry.serve import serve

IMAGE, TINY = plain_image(32 * MIB), plain_image(1_000)

pytestmark = LINUX


@pytest.mark.parametrize("threads", [1, 4])
def test_calls_for_each_mebibyte_are_few(tmp_path: Path, threads: int) -> None:
    """What 32 MiB cost more than a tiny layer; the bounds are a few times what was measured."""
    made = []
    for image in (TINY, IMAGE):
        place = tmp_path / str(len(image.blobs[image.layers[0].digest]))
        place.mkdir()
        with serve(store_of(image)) as running:
            made.append(calls_of(place, pull_args(running, "-t", str(threads))))
    start, calls = made
    more = {name: count - start.made[name] for name, count in calls.made.items()}
    mebibytes = size_of(IMAGE) // MIB
    assert more["recvfrom"] <= 8 * mebibytes
    assert more.get("poll", 0) <= 8 * mebibytes
    assert more["pwrite64"] <= 3 * mebibytes
    assert more["write"] <= 3 * mebibytes + 20
    assert more.get("preadv", 0) + more.get("preadv2", 0) <= 8 * mebibytes
    # A thread that waits for the interpreter asks again every 5 ms: how often depends on what else runs here.
    assert more["futex"] <= (40 if threads == 1 else 160) * mebibytes
    assert calls.made["fsync"] + calls.made["fdatasync"] <= 20
    assert calls.made["nanosleep"] + calls.made["sched_yield"] == 0
    assert calls.failed["ECONNREFUSED"] + calls.failed["ECONNRESET"] + calls.failed["EPIPE"] == 0
