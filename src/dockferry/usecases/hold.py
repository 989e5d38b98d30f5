"""Hold: one run at a time on one target."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator, Sequence

from ..errors import DiskError
from ..system.lock import only_one
from ..text import shown_path
from .target import Target, check_directory


@contextlib.contextmanager
def hold_target(target: Target) -> Iterator[None]:
    """Hold all names of `target`. A second run raises DiskError at once."""
    with hold(target.locks, target.path):
        yield


@contextlib.contextmanager
def hold(locks: Sequence[Path], path: Path) -> Iterator[None]:
    """Hold these, as whoever makes `path`. Raises DiskError."""
    with contextlib.ExitStack() as all_of_them:
        for lock in locks:
            check_directory(lock)
            try:
                all_of_them.enter_context(only_one(lock))
            except BlockingIOError:
                raise DiskError(
                    "{} is being written by another run",
                    shown_path(path),
                    remedy="wait for it, or choose another name with -o",
                ) from None
            except OSError as error:
                raise DiskError.of("lock", lock, error) from None
        yield
