"""The Docker engine as a peer: one of our own where none is running, as root."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Iterator

from image_tools import DOCKER

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support import engines

_PROGRAMS = ("docker", "dockerd", "containerd", "ctr", "runc")


@contextlib.contextmanager
def docker_daemon(is_wanted: bool = True) -> Iterator[None]:
    """While this is open `docker` finds a daemon, if this machine can have one."""
    can_start = os.geteuid() == 0 and all(shutil.which(program) is not None for program in _PROGRAMS)
    if not (is_wanted and can_start) or not DOCKER.missing:
        yield
        return
    with engines.containerd() as under, engines.dockerd(under) as docker:
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = f"unix://{docker.socket}"
        try:
            yield
        finally:
            del os.environ["DOCKER_HOST"]
            if before is not None:
                os.environ["DOCKER_HOST"] = before
