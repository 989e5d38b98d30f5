"""Containerd as a peer: one of our own, with its root in a folder of ours, that `ctr` finds."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Dict, Iterator, Tuple

from peer import succeeds

_SETTINGS = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{state}/socket"
"""
# Several connections for one layer, each with a part of this size, and as many layers as all others fetch at once.
_CONCURRENT = """\
[plugins."io.containerd.transfer.v1.local"]
max_concurrent_downloads = 16
concurrent_layer_fetch_buffer = 8388608
"""
_CONCURRENT_SINCE = (2, 1)
_PATIENCE = 30.0


@contextlib.contextmanager
def containerd(folder: Path, is_wanted: bool = True) -> Iterator[None]:
    """While this is open `ctr` finds a containerd with its contents in `folder`, if this machine can have one."""
    program = shutil.which("containerd")
    if not is_wanted or program is None or os.geteuid() != 0:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="ctrd-") as state:  # a socket's name must be short
        folder.mkdir()
        settings = _SETTINGS.format(root=folder / "root", state=state)
        (folder / "config.toml").write_text(settings + (_CONCURRENT if has_concurrent_fetch() else ""))
        found = {"CONTAINERD_ADDRESS": f"{state}/socket", "CONTAINERD_NAMESPACE": "bench"}
        with open(folder / "log", "wb") as log, subprocess.Popen(
            [program, "--config", str(folder / "config.toml")], stdout=log, stderr=log
        ) as server, _environment(found):
            try:
                _wait_answering(server)
                yield
            finally:
                server.terminate()


@functools.lru_cache(maxsize=None)
def has_concurrent_fetch() -> bool:
    """Whether the containerd on PATH can fetch one layer over several connections."""
    return version() >= _CONCURRENT_SINCE


def version() -> Tuple[int, ...]:
    """Of the containerd on PATH, empty where there is none."""
    try:
        told = subprocess.run(["containerd", "--version"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\bv?(\d+)\.(\d+)\.\d+", told)
    return tuple(int(part) for part in found.groups()) if found else ()


def _wait_answering(server: subprocess.Popen[bytes]) -> None:
    """Or until it is clear that it does not: then `ctr` is missing from the table, for it has no daemon."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None and not succeeds("ctr", "version"):
        time.sleep(0.1)


@contextlib.contextmanager
def _environment(more: Dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
