"""Tree files: what may stand in a layer tree, so that a directory of another kind is never taken for one.

`manifest.json`, `config.json`, and a directory for each layer, named by its first digits, with `layer.tar` in it;
each file under its name with `.part` while it is made.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ..errors import DiskError
from ..oci.digest import Digest
from ..system import disk
from ..system.undisturbed import undisturbed
from ..text import shown_path

MANIFEST, CONFIG, LAYER = "manifest.json", "config.json", "layer.tar"
_DOCUMENTS = re.compile(r"(manifest|config)\.json(\.part)?")
_DIRECTORY = re.compile(r"[0-9a-f]{12,128}")
_LAYERS = (LAYER, f"{LAYER}.part")


def is_tree(path: Path) -> bool:
    """Whether the directory `path` looks like a finished tree."""
    return all(os.path.isfile(path / name) for name in (MANIFEST, CONFIG))


def tree_document(path: Path, digest: Digest, limit: int) -> Optional[bytes]:
    """The document of the tree at `path` that has this digest, and at most `limit` bytes; None if it has it not."""
    for name in (MANIFEST, CONFIG):
        with contextlib.suppress(OSError), open(path / name, "rb") as file:
            data = file.read(limit + 1)
            if len(data) <= limit and Digest.of(data, digest.algorithm) == digest:
                return data
    return None


def find_other(path: Path) -> Optional[str]:
    """The first thing in the directory `path` that no layer tree has; None where there is none. Raises OSError."""
    return next((name for name, kind in _scan(path) if kind == "other"), None)


def remove_tree(path: Path) -> None:
    """The layer tree at `path`, whole or not, is gone. Raises DiskError, before anything is removed, for another."""
    try:
        disk.refuse_no_directory(path)
        found = list(_scan(path))
        for name, kind in found:
            if kind == "other":
                raise DiskError(
                    "wanted a layer tree at {}, got a directory with {} in it",
                    shown_path(path),
                    shown_path(name),
                    remedy="move it away, or choose another name with -o",
                )
        for name in _named(found, "file"):
            undisturbed((path / name).unlink)
        for name in _named(found, "directory"):
            undisturbed((path / name).rmdir)
        undisturbed(path.rmdir)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise DiskError.of("remove", path, error) from None


def _named(found: List[Tuple[str, str]], kind: str) -> List[str]:
    return [name for name, its in found if its == kind]


def _scan(path: Path) -> Iterator[Tuple[str, str]]:
    """Each name below `path`, and whether that is a `file` or a `directory` of a tree, or `other`."""
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False) and _DOCUMENTS.fullmatch(entry.name):
                yield entry.name, "file"
            elif entry.is_dir(follow_symlinks=False) and _DIRECTORY.fullmatch(entry.name):
                with os.scandir(entry.path) as inner:
                    for one in inner:
                        is_layer = one.is_file(follow_symlinks=False) and one.name in _LAYERS
                        yield f"{entry.name}/{one.name}", "file" if is_layer else "other"
                yield entry.name, "directory"
            else:
                yield entry.name, "other"
