"""Story: what the demonstration does, step by step, each step checked for what it claims."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Callable, List, Optional

from ..errors import DiskError, DockferryError
from ..message import Message
from ..oci.platform import Platform
from ..serve import ImageStore, Running, serve
from ..system.children import INTERRUPTED
from ..system.shell import shell_word
from ..text import human_size
from .child import run
from .image import MESSAGE, PLATFORMS, DemoImage, add_demo_image

DEFAULT_RATE = 500_000
"""Bytes a second that the registry gives each connection: a slow mirror of the kind that people have."""
DEFAULT_SIZE = 90_000_000
CONNECTIONS = 16
_REPOSITORY, _TAG = "demo/app", "1.0"
_ARCHIVE = "dockferry-demo.tar"
_IN_FLIGHT = 512 << 10
"""Bytes that a connection may have in hand when it is interrupted: they are fetched again."""

Tell = Callable[[str], None]


def _print(line: str) -> None:
    print(line, flush=True)  # before the child writes to the same terminal or pipe


def demo(
    directory: Optional[Path] = None, *, rate: float = DEFAULT_RATE, size: int = DEFAULT_SIZE, tell: Tell = _print
) -> None:
    """Pull an image of about `size` bytes at `rate` bytes a second for each connection, into `directory`.

    Without a directory: `demo-out` here, or in the temporary directory where this one is not writable. An earlier
    demonstration's archive there is removed. Needs no root, and no network but loopback. Raises DockferryError
    at the first step that does not do what it says.
    """
    platform = Platform.of_host()
    platform = platform if platform in PLATFORMS else PLATFORMS[0]
    target = _prepare(directory)
    store = ImageStore()
    image = add_demo_image(store, _REPOSITORY, _TAG, size)
    with serve(store, rate=rate) as running:
        _Story(running, image, platform, target, rate, tell).run(size)


class _Story:
    def __init__(
        self, running: Running, image: DemoImage, platform: Platform, target: Path, rate: float, tell: Tell
    ) -> None:
        self._running = running
        self._size = image.sizes[platform]
        self._layers = image.layers
        self._target = target
        self._tell = tell
        self._rate = rate
        self._alone = self._size / rate
        self._name = f"{running.host}/{_REPOSITORY}:{_TAG}"
        self._pull = ["pull", self._name, "-o", str(target), "-t", str(CONNECTIONS), "--platform", str(platform)]

    def run(self, size: int) -> None:
        self._introduce(size)
        first = self._interrupted_pull()
        self._resumed_pull(first)
        self._verify()
        self._explain_loading()

    def _introduce(self, size: int) -> None:
        self._tell(
            Message(
                "An image, made on the spot: {}\n"
                "   for {}, in {} layers of uneven size: {} of random bytes,\n"
                "   and a program of some 200 bytes that greets, so that the image can be run.\n"
                "A registry for it, in this process, on loopback only: {}\n"
                "   It gives each connection {} a second and no more: one connection alone would need {:.0f} s.",
                self._name,
                ", ".join(map(str, PLATFORMS)),
                self._layers,
                human_size(size),
                self._running.host,
                human_size(self._rate),
                self._alone,
            )
        )

    def _interrupted_pull(self) -> int:
        """The bytes that were sent."""
        self._tell(Message("\n1. Pull over {} connections, and interrupt it at half, as Ctrl-C does.", CONNECTIONS))
        start = time.monotonic()
        code = self._command(self._pull, lambda: self._running.sent >= self._size / 2)
        took, sent = time.monotonic() - start, self._running.sent
        if code not in INTERRUPTED:
            raise DockferryError("demo: wanted the interrupted pull to exit with {}, got {}", INTERRUPTED[0], code)
        part = Path(f"{self._target}.part")
        journal = Path(f"{part}.journal")
        for path in (part, journal):
            if not path.is_file():
                raise DockferryError("demo: wanted the interrupted pull to keep {}, it is not there", path)
        if self._target.exists():
            raise DockferryError("demo: wanted no {} before it is complete, but it is there", self._target)
        self._tell(
            Message(
                "   Interrupted after {:.1f} s, exit code {}. Kept for the next time:\n"
                "   {} and {}, which says what of it is there.",
                took,
                code,
                part,
                journal.name,
            )
        )
        return sent

    def _resumed_pull(self, first: int) -> None:
        self._tell(Message("\n2. The same command again goes on where it was."))
        start = time.monotonic()
        code = self._command(self._pull)
        took, total = time.monotonic() - start, self._running.sent
        second = total - first
        if code != 0 or not self._target.is_file():
            raise DockferryError("demo: wanted the pull to finish {} and exit with 0, got {}", self._target, code)
        twice = max(0.0, total / self._size - 1)
        self._tell(
            Message(
                "   Finished in {:.1f} s more. The registry sent {} and {}, together {},\n"
                "   for an image of {}: {:.1%} was fetched twice.",
                took,
                human_size(first),
                human_size(second),
                human_size(total),
                human_size(self._size),
                twice,
            )
        )
        most = self._size / 2 + CONNECTIONS * _IN_FLIGHT
        if second > most:
            raise DockferryError("demo: wanted at most {} after half, got {}", human_size(most), human_size(second))

    def _verify(self) -> None:
        self._tell(Message("\n3. Verify every digest, down to those of the unpacked layers."))
        code = self._command(["verify", str(self._target), "--deep"])
        if code != 0:
            raise DockferryError("demo: wanted the archive to verify, got exit code {}", code)

    def _explain_loading(self) -> None:
        archive, size = shell_word(str(self._target)), human_size(self._target.stat().st_size)
        self._tell(
            Message(
                "\nThe archive is {0}, {1}. Load and run it with any of\n"
                "   docker load -i {2} && docker run --rm {3}\n"
                "   podman load -i {2} && podman run --rm {3}\n"
                "   sudo ctr images import {2} && sudo ctr run --rm {3} hello\n"
                "It says: {4}",
                self._target,
                size,
                archive,
                self._name,
                MESSAGE.decode().strip(),
            )
        )

    def _command(self, arguments: List[str], interrupt_when: Callable[[], bool] = lambda: False) -> int:
        self._tell(f"   $ dockferry {' '.join(map(shell_word, arguments))}")
        return run(arguments, interrupt_when, limit=60 + self._alone)


def _prepare(directory: Optional[Path]) -> Path:
    """The archive's path in a directory that is there, what an earlier demonstration left removed."""
    if directory is None:
        directory = Path("demo-out") if os.access(".", os.W_OK) else Path(tempfile.gettempdir(), "demo-out")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.glob(f"{_ARCHIVE}*"):
            old.unlink()
    except OSError as error:
        raise DiskError("demo: wanted to write in {}, got {}", directory, error, remedy="give a directory") from None
    return directory / _ARCHIVE
