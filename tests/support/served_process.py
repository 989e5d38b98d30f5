"""A registry in a process of its own, to be stopped and continued: `python -m support.served_process RATE`."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Iterator, Tuple

from .process import Daemon, daemon
from .pulls import IMAGE
from .rude import RudeServer
from .rude_registry import RudeRegistry


@contextlib.contextmanager
def served_process(folder: Path, rate: float) -> Iterator[Tuple[str, Daemon]]:
    """The URL of a registry that has IMAGE and gives each connection `rate` bytes a second; and its process."""
    argv = [sys.executable, "-m", "support.served_process", str(rate)]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    log = folder / "served.log"
    with daemon(argv, log, {"PYTHONPATH": path}) as running:
        running.wait_until(lambda: log.read_text().endswith("\n"), "the registry")
        yield log.read_text().split()[-1], running


def main() -> None:
    with RudeServer(RudeRegistry(IMAGE, rate=float(sys.argv[1]))) as server:
        print(server.url, flush=True)
        server.ending.wait()


if __name__ == "__main__":
    main()
