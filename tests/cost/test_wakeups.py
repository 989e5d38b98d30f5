"""Wake-ups: a pull sleeps until there is something to do; nothing in it looks again and again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, Tuple

import pytest
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
    place = tmp_path / "home"
    place.mkdir()
    with serve(store_of(FAST)) as running:
        cost = cost_of(place, pull_args(running, "-t", str(threads)))
    assert cost.waits <= most * size_of(FAST) // MIB
    assert cost.main_waits <= 12 * size_of(FAST) // MIB


def waits_in_silence(pid: int) -> Tuple[float, float]:
    """Sleeps a second: of all threads together, and of the first."""
    before, began = waits_of(pid), time.monotonic()
    time.sleep(_WINDOW)
    after, took = waits_of(pid), time.monotonic() - began
    gone: Dict[int, int] = {thread: count - before.get(thread, 0) for thread, count in after.items()}
    return sum(gone.values()) / took, gone[pid] / took


@pytest.mark.parametrize("options", [("-t", "1"), (), ("-t", "20")], ids=["1", "by itself", "20"])
def test_a_pull_that_waits_for_bytes_sleeps(tmp_path: Path, options: Tuple[str, ...]) -> None:
    """The server has fallen silent in all its replies: some looks a second for each thread, and no more.

    A loop that looks each millisecond would be a thousand.
    """
    bench = Bench(tmp_path)
    registry = RudeRegistry(SILENT, fault=_silent)
    server = bench.serve(registry)
    argv = ["pull", f"{server.host}/demo/app:1.0", "-o", "a.tar", "--progress", "none", *options]
    try:
        with child(tmp_path, *argv) as process:
            wait_for(lambda: registry.sent >= 64 * 1024, process)
            time.sleep(0.3)  # the first answers are digested
            everyone, main = waits_in_silence(process.pid)
            process.kill()
    finally:
        bench.close()
    assert everyone <= 600
    assert main <= 40


def _silent(ask: Ask) -> None:
    ask.give(0.02)
    ask.wire.stall()


def test_a_pull_that_waits_for_an_answer_sleeps(tmp_path: Path) -> None:
    """The very first request is not answered: a few looks a second, for Ctrl-C."""
    with unanswered(tmp_path) as process:
        everyone, main = waits_in_silence(process.pid)
        process.kill()
    assert everyone <= 30
    assert main <= 15
