"""Tidying: what nobody needs any more, once all that is wanted of a target has its final name.

Strategy: what is removed is known by its name and its shape. What cannot be removed does not matter to what is
there: it is told, and tried again by the next run. Names are given for good before what they were made of goes.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Callable, List, Set

from ..archive.left_over import (
    remove_file,
    remove_tar_part,
    replaced_tree,
    tar_part,
    tree_part,
    waiting_part,
)
from ..archive.tree_files import remove_tree
from ..errors import DiskError
from ..events import OnEvent, Warned
from ..message import Message
from ..system.disk import sync_directory
from ..text import shown_path
from .hold import hold, hold_target
from .target import Destination, Target, lock_of


class Tidying:
    """Of `target`, whose blobs went to `destination`. Never raises."""

    def __init__(self, target: Target, destination: Destination, on_event: OnEvent) -> None:
        self._target, self._destination, self._on_event = target, destination, on_event
        self._told: Set[Path] = set()

    def after_another(self) -> None:
        """What earlier runs left; not while another one works."""
        if any(map(os.path.lexists, [*self._names(), *self._target.locks])):
            with contextlib.suppress(DiskError), hold_target(self._target):
                self.after_another_held()

    def after_another_held(self) -> None:
        """The same by who holds the target: a run may have been killed when it had just given the name."""
        if any(map(os.path.lexists, self._names())):
            with contextlib.suppress(DiskError):
                sync_directory(self._target.path.parent)
                self.after_own()

    def after_own(self) -> None:
        """By who holds the target, and has given it its names, for good."""
        target = self._target
        if target.format == "oci-dir":
            self._remove(target.journal, remove_file)
            with contextlib.suppress(OSError):  # another image's unfinished blobs are there
                target.journal.parent.rmdir()
            return
        if self._is_useless(target.store_part) and self._remove(target.store_part, remove_file):
            self._remove(target.journal, remove_file)  # last: it says whose the other is
        self.before()
        if target.tree is not None:
            self._remove_replaced(target.tree)
        else:
            self._remove_unwanted(target.tree_beside)

    def before(self) -> None:
        """What takes room and is of use to nobody, whatever comes; by who holds the target."""
        if self._target.format not in ("oci-dir", "layers"):
            self._remove(tar_part(self._target.path), lambda _: remove_tar_part(self._target.path))

    def _names(self) -> List[Path]:
        target = self._target
        if target.format == "oci-dir":
            return [target.journal]
        tree = target.tree or target.tree_beside
        names = [target.store_part, target.journal, replaced_tree(tree)]
        if target.format != "layers":
            names += [tar_part(target.path), waiting_part(target.path)]
        return names if target.tree else [*names, tree_part(tree)]

    def _is_useless(self, part: Path) -> bool:
        """Not so where it is another image's, which --force would have put here."""
        from ..transfer.journal import Journal

        if not os.path.lexists(part):
            return True
        try:
            if self._target.keeps_blobs:
                return os.path.samestat(os.lstat(part), os.lstat(self._target.path))
            destination = self._destination
            return Journal.recover(self._target.journal, destination.identity, len(destination.blobs), "").is_known
        except (DiskError, OSError):
            return False

    def _remove_replaced(self, tree: Path) -> None:
        if os.path.lexists(tree):  # else a run was killed between two renames, and this is all there is of it
            self._remove(replaced_tree(tree), remove_tree)

    def _remove_unwanted(self, tree: Path) -> None:
        """What runs with --with-layers left; one that makes the tree alone has its blobs beside, and may go on."""
        parts = tree_part(tree), replaced_tree(tree)
        if not any(map(os.path.lexists, parts)) or os.path.lexists(Target(tree, "layers").store_part):
            return
        with contextlib.suppress(DiskError), hold([lock_of(tree)], tree):
            self._remove(parts[0], remove_tree)
            self._remove_replaced(tree)

    def _remove(self, path: Path, remove: Callable[[Path], None]) -> bool:
        """Whether it is gone."""
        try:
            remove(path)
        except DiskError as error:
            if path not in self._told:
                self._told.add(path)
                self._on_event(Warned(Message("{} is left as it is: {}", shown_path(path), error.line)))
            return False
        return True
