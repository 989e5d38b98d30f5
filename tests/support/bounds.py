"""Bounds: counts that a busy machine can only raise, held to in one of up to three runs."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Mapping

_RUNS = 3


def hold(folder: Path, count: Callable[[Path], Mapping[str, float]], most: Mapping[str, float]) -> None:
    """Run `count`, each time in a new folder below `folder`, until each of its counts is within its bound in `most`.

    Whatever else runs here adds to these counts and takes nothing away: a program that wastes does so in all runs.
    What must hold in each run is for `count` itself to assert.
    """
    over: Mapping[str, float] = {}
    for run in range(_RUNS):
        place = folder / f"run-{run}"
        place.mkdir()
        counts = count(place)
        assert counts.keys() == most.keys()
        over = {name: number for name, number in counts.items() if number > most[name]}
        if not over:
            return
    raise AssertionError(f"in each of {_RUNS} runs too much, at last {over}; the bounds are {dict(most)}")
