"""System calls: a pull receives, writes and syncs in large steps, as the kernel's tracer has counted."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import pytest
from support.bounds import hold
from support.calls import SLEEPS, Calls, calls_of
from support.costs import LINUX, MIB, plain_image, pull_args, size_of
from support.images import MadeImage
from support.served import store_of

from dockferry.serve import serve

IMAGE, TINY = plain_image(32 * MIB), plain_image(1_000)

pytestmark = LINUX


@pytest.mark.parametrize("threads", [1, 4])
def test_calls_for_each_mebibyte_are_few(tmp_path: Path, threads: int) -> None:
    """What 32 MiB cost more than a tiny layer; the bounds are a few times what was measured."""
    mebibytes = size_of(IMAGE) // MIB
    most = {
        # As long as the server is ahead: where it falls behind, a receive brings what there is.
        "recvfrom": 8 * mebibytes,
        "poll": 8 * mebibytes,
        "pwrite64": 3 * mebibytes,
        "write": 3 * mebibytes + 20,
        "preadv": 8 * mebibytes,
        # A thread that waits for the interpreter asks again every 5 ms: how often depends on what else runs here.
        "futex": (40 if threads == 1 else 160) * mebibytes,
    }

    def more(folder: Path) -> Dict[str, float]:
        start, calls = (pulled(folder / name, image, threads) for name, image in (("tiny", TINY), ("large", IMAGE)))
        counts = {name: calls.made[name] - start.made[name] for name in most}
        return {**counts, "preadv": counts["preadv"] + calls.made["preadv2"] - start.made["preadv2"]}

    hold(tmp_path, more, most)


def pulled(folder: Path, image: MadeImage, threads: int) -> Calls:
    """A pull's calls; in each run it syncs a few times, never sleeps for a time, and loses no connection."""
    folder.mkdir()
    with serve(store_of(image)) as running:
        calls = calls_of(folder, pull_args(running, "-t", str(threads)))
    assert calls.made["fsync"] + calls.made["fdatasync"] <= 20
    assert {name: calls.made[name] for name in SLEEPS} == dict.fromkeys(SLEEPS, 0)
    assert calls.failed["ECONNREFUSED"] + calls.failed["ECONNRESET"] + calls.failed["EPIPE"] == 0
    return calls
