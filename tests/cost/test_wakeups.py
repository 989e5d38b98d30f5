"""Wake-ups: a pull sleeps until there is something to do; nothing in it looks again and again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, Tuple

import pytest
from support.bounds import hold
from support.child import child, unanswered, wait_for
from support.costs import LINUX, MIB, cost_of, plain_image, pull_args, size_of, waits_of
from support.pulls import Bench
from support.rude_registry import Ask, RudeRegistry
from support.served import store_of

from dockferry.serve import serve

FAST, SILENT = plain_image(64 * MIB), plain_image(4 * MIB, 3 * MIB)
_WINDOW = 1.0
"""Seconds for which a silent pull is looked at: they are what is measured, and not waited for."""

pytestmark = LINUX


@pytest.mark.parametrize(("threads", "most"), [(1, 5), (5, 30), (20, 80)])
def test_a_fast_link_wakes_few_threads(tmp_path: Path, threads: int, most: int) -> None:
    """`most` sleeps of all threads for each MiB, the program's start included; about twice what was measured."""

    def waits(folder: Path) -> Dict[str, float]:
        with serve(store_of(FAST)) as running:
            cost = cost_of(folder, pull_args(running, "-t", str(threads)))
        return {"all": cost.waits, "first": cost.main_waits}

    mebibytes = size_of(FAST) // MIB
    hold(tmp_path, waits, {"all": most * mebibytes, "first": 12 * mebibytes})


def waits_in_silence(pid: int) -> Dict[str, float]:
    """Sleeps a second: of all threads together, and of the first."""
    before, began = waits_of(pid), time.monotonic()
    time.sleep(_WINDOW)
    after, took = waits_of(pid), time.monotonic() - began
    gone: Dict[int, int] = {thread: count - before.get(thread, 0) for thread, count in after.items()}
    return {"all": sum(gone.values()) / took, "first": gone[pid] / took}


@pytest.mark.parametrize(
    ("options", "most"),
    [(("-t", "1"), 22), (("-t", "5"), 30), (("-t", "20"), 60), ((), 200)],
    ids=["1", "5", "20", "by itself"],
)
def test_a_pull_that_waits_for_bytes_sleeps(tmp_path: Path, options: Tuple[str, ...], most: int) -> None:
    """The server has fallen silent in all its replies: 20 looks a second, 2 more for each connection, and no more.

    By itself it opens connections meanwhile. One loop that looks every 5 ms would be 200. What the first answers
    and new connections cost falls into the first window or two, which is why there are up to three.
    """
    bench = Bench(tmp_path)
    registry = RudeRegistry(SILENT, fault=_silent)
    server = bench.serve(registry)
    argv = ["pull", f"{server.host}/demo/app:1.0", "-o", "a.tar", "--progress", "none", *options]
    try:
        with child(tmp_path, *argv) as process:
            wait_for(lambda: registry.sent >= 64 * 1024, process)
            hold(tmp_path, lambda folder: waits_in_silence(process.pid), {"all": most, "first": 20})
            assert process.poll() is None
            process.kill()
    finally:
        bench.close()


def _silent(ask: Ask) -> None:
    ask.give(0.02)
    ask.wire.stall()


def test_a_pull_that_waits_for_an_answer_sleeps(tmp_path: Path) -> None:
    """The very first request is not answered: a few looks a second, for Ctrl-C."""
    with unanswered(tmp_path) as process:
        hold(tmp_path, lambda folder: waits_in_silence(process.pid), {"all": 30, "first": 15})
        process.kill()
