"""Pulls from rude registries: one image, one bench, short patience."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any, List, Optional

import pytest

from dockferry import Access, pull
from dockferry.events import Event
from dockferry.transfer.retry import RetryPolicy
from dockferry.usecases.pull import PullResult

from .images import make_image
from .rude import RudeServer
from .rude_registry import RudeRegistry

IMAGE = make_image([2_000_000, 0, 500_000, 300_000, 1, 200_000, 150_000, 100_000, 90_000], seed=7)
SIZE = sum(layer.size for layer in IMAGE.layers)
NAME = "registry.example:5000/demo/app:1.0"
QUICK = RetryPolicy(attempts=8, base=0.03, longest=0.2, first=0.01)
ACCESS = Access(connect_timeout=2.0, first_byte_timeout=3.0, idle_timeout=0.3)
THREADS = pytest.mark.parametrize("threads", [1, None, 20])


class Bench:
    """Rude registries, and pulls from them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.events: List[Event] = []
        self._stack = ExitStack()

    def serve(self, handler: Any, tls: Optional[ssl.SSLContext] = None) -> RudeServer:
        server = self._stack.enter_context(RudeServer(handler, tls))
        if isinstance(handler, RudeRegistry):
            handler.ending = server.ending
        return server

    def pull(self, *servers: RudeServer, threads: Optional[int] = None, **more: Any) -> PullResult:
        options = {"access": ACCESS, "retry": QUICK, "output": self.directory / "a.tar", **more}
        mirrors = [server.url for server in servers]
        return pull(NAME, mirrors=mirrors, threads=threads, on_event=self.events.append, **options)

    def told(self, kind: Any) -> List[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def left(self) -> List[str]:
        return sorted(path.name for path in self.directory.iterdir())

    def close(self) -> None:
        self._stack.close()


def check(bench: Bench, wanted: bytes, result: PullResult) -> None:
    assert result.path.read_bytes() == wanted
    assert bench.left() == ["a.tar"]
