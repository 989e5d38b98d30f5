"""Sweeps: one pull of one small image, made over and over with a fault at its 1st, 2nd, 3rd … step."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Dict, List

from dockferry import pull
from dockferry.events import Event
from dockferry.serve import Running
from dockferry.transfer.worker import BUFFER

from .images import make_image

IMAGE = make_image([2 * BUFFER + 250_000, 0, 2 * BUFFER + 150_000], seed=21)
"""Layers that come in three buffers each, so that there are steps between which to end."""
SIZE = sum(layer.size for layer in IMAGE.layers)
NAME = "registry.example:5000/demo/app:1.0"
FORMATS = ["docker", "oci-dir"]
_MOST = 60
"""Points in one sweep: more would mean that no fault ever comes."""


def contents(place: Path) -> Dict[str, bytes]:
    """All files below `place`, by name."""
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def argv(registry: Running, format: str, threads: int = 1) -> List[str]:
    """The pull, by the image's own name, to `out`."""
    options = ["-o", "out", "--format", format, "-t", str(threads), "--progress", "none"]
    return ["pull", NAME, "-r", f"http://{registry.host}", *options]


def again(registry: Running, place: Path, format: str, events: List[Event]) -> int:
    """The same in this process: how many bytes it had to fetch."""
    mirrors = [f"http://{registry.host}"]
    return pull(
        NAME, mirrors=mirrors, output=place / "out", format=format, threads=1, on_event=events.append
    ).received


def sweep(place: Path, start: Callable[[Path], object], run: Callable[[int, Path], bool]) -> int:
    """`run(N, directory)` in directories that `start` made, until one says that nothing was hit; how many hit."""
    with ThreadPoolExecutor(2) as pool:
        for first in range(1, _MOST, 2):
            points = []
            for number in (first, first + 1):
                directory = place / str(number)
                start(directory)
                points.append(pool.submit(run, number, directory))
            hits = [point.result() for point in points]
            for number in (first, first + 1):
                shutil.rmtree(place / str(number))
            if not all(hits):
                return first - 1 + hits.index(False)
    raise AssertionError(f"no run ended in {_MOST} points")
