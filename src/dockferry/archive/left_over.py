"""Left over: the names of what is unfinished beside a plain form, and how that goes when nobody needs it any more."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ..errors import DiskError
from ..system import disk
from ..system.undisturbed import undisturbed
from .part_file import refuse_irregular

_WAITING = re.compile(r"[0-9]+")


def tar_part(path: Path) -> Path:
    """A legacy tar on its way to `path`: of no use to another run."""
    return path.with_name(path.name + ".plain.part")


def waiting_part(path: Path) -> Path:
    """A directory: the layers of that tar whose turn has not come."""
    return path.with_name(path.name + ".plain.part.layers")


def tree_part(path: Path) -> Path:
    """A layer tree on its way to `path`: the next run goes on with it."""
    return path.with_name(path.name + ".part")


def replaced_tree(path: Path) -> Path:
    """The layer tree that stood at `path` before."""
    return path.with_name(path.name + ".part.old")


def remove_tar_part(path: Path) -> None:
    """All that a legacy tar at `path` left unfinished is gone. Raises DiskError."""
    part, beside = tar_part(path), waiting_part(path)
    refuse_irregular(part)
    remove_file(part)
    try:
        disk.refuse_no_directory(beside)
        if os.path.lexists(beside):
            for name in filter(_WAITING.fullmatch, os.listdir(beside)):
                undisturbed((beside / name).unlink)
            undisturbed(beside.rmdir)
    except OSError as error:
        raise DiskError.of("remove", beside, error) from None


def remove_file(path: Path) -> None:
    """What is no directory is gone, if it was there. Raises DiskError."""
    try:
        with contextlib.suppress(FileNotFoundError):
            undisturbed(path.unlink)
    except OSError as error:
        raise DiskError.of("remove", path, error) from None
