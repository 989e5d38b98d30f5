"""Layer tree: an image's layers as plain tars in a directory: `NAME_layers/<12 digits>/layer.tar`.

Strategy: it is made as `NAME_layers.part`, and renamed as a whole. A layer has its name there when it was found
right, so that a run that was killed goes on with the others. `manifest.json` and `config.json`, raw, say whose layers
these are, and in which order.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import FrozenSet, Generator

from ..errors import DiskError
from ..message import Message
from ..oci.reference import Reference
from ..system import disk
from ..system.undisturbed import undisturbed
from ..text import shown_path
from .byte_file import PlainFile, chunks
from .content import Content
from .layer_sink import LayerSink
from .left_over import remove_file, replaced_tree, tree_part
from .part_file import PartFile, put
from .plain_layers import layer_names, plain_layers
from .tree_files import CONFIG, LAYER, MANIFEST, find_other, remove_tree

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)


class LayerTree:
    """The tree of `content` at `path` (see `plain_form.PlainForm`). Raises as `plain_layers` does."""

    def __init__(self, path: Path, content: Content) -> None:
        self.path = path
        self.layers = plain_layers(content)
        self.kept: FrozenSet[int] = frozenset()
        self._part, self._old = tree_part(path), replaced_tree(path)
        self._documents = {MANIFEST: content.manifest.raw, CONFIG: content.config}
        names = layer_names(tuple(layer.blob.digest for layer in self.layers))
        self._names = [names[layer.blob.digest] for layer in self.layers]

    def open(self, beside: int = 0) -> None:
        try:
            disk.check_writable(self._part.parent)
            disk.refuse_no_directory(self._part)
            if os.path.lexists(self._part) and not self._is_this(self._part):
                remove_tree(self._part)
            self._remove_useless()
            kept = (number for number in range(len(self.layers)) if _is_file(self._layer(self._part, number)))
            self.kept = frozenset(kept)
            missing = sum(layer.blob.size for number, layer in enumerate(self.layers) if number not in self.kept)
            disk.check_free(self._part.parent, missing + beside)
            disk.make_directory(self._part)
            for name, data in self._documents.items():
                put(self._part / name, data, self._part / (name + ".part"))
            for name in self._names:
                disk.make_directory(self._part / name)
            disk.sync_directory(self._part.parent)
        except OSError as error:
            raise DiskError.of("make", self._part, error) from None

    def stored(self, number: int) -> Generator[bytes, None, None]:
        file = PlainFile(self._layer(self._part if number in self.kept else self.path, number))
        with contextlib.closing(file):
            yield from chunks(file)

    def sink(self, number: int) -> LayerSink:
        """A file under the layer's name with `.part` until it has finished."""
        final = self._layer(self._part, number)
        file = PartFile(_unfinished(final), 0)
        file.open()

        def finish(size: int) -> None:
            file.resize(size)
            file.publish(final, overwrite=True)

        return LayerSink(file, 0, finish, file.discard)

    def publish(self, overwrite: bool = False) -> None:
        for name in self._names:
            disk.sync_directory(self._part / name)
        disk.sync_directory(self._part)
        try:
            if overwrite and os.path.lexists(self.path):
                self._move_away()
            undisturbed(lambda: os.rename(self._part, self.path))
        except OSError as error:
            if error.errno in _TAKEN:
                raise DiskError(
                    "{} is there already, and stays as it is",
                    shown_path(self.path),
                    remedy="move it away, choose another name with -o, or overwrite it with --force",
                ) from None
            raise DiskError.of("rename to", self.path, error) from None
        self.kept = frozenset()
        disk.sync_directory(self.path.parent)

    def close(self) -> None:
        """Each sink has its own file."""

    def holds(self) -> bool:
        """A tree under its final name was complete and verified when it got it: its documents say whose it is."""
        try:
            layers = range(len(self.layers))
            return self._is_this(self.path) and all(_is_file(self._layer(self.path, number)) for number in layers)
        except OSError as error:
            raise DiskError.of("read", self.path, error) from None

    def refuse_existing(self, image: Reference, overwrite: bool) -> None:
        """Raises DiskError if another thing has the final name, or, with `overwrite`, one that is no tree."""
        if not os.path.lexists(self.path):
            return
        what = Message("the layers of {}", image.familiar)
        remedy = Message("move it away, choose another name with -o, or overwrite it with --force")
        if overwrite:
            try:
                disk.refuse_no_directory(self.path)
                if find_other(self.path) is None:
                    return
            except OSError:
                pass
            what, remedy = Message("a layer tree"), Message("move it away, or choose another name with -o")
        raise DiskError("{} is there already and is not {}", shown_path(self.path), what, remedy=remedy)

    def _move_away(self) -> None:
        """A directory is not replaced in one instant: between the two renames there is none of this name."""
        remove_tree(self._old)
        undisturbed(lambda: os.rename(self.path, self._old))

    def _remove_useless(self) -> None:
        """What a run that was killed left half-done, so that it takes no room. Raises DiskError, OSError."""
        for number, name in enumerate(self._names):
            disk.refuse_no_directory(self._part / name)
            half = _unfinished(self._layer(self._part, number))
            if _is_file(half):
                remove_file(half)
        if os.path.lexists(self.path):
            remove_tree(self._old)

    def _is_this(self, tree: Path) -> bool:
        """Whether the documents in `tree` are this image's. Raises OSError."""
        for name, data in self._documents.items():
            with contextlib.ExitStack() as held:
                try:
                    if not _is_file(tree / name):
                        return False
                    file = held.enter_context(open(tree / name, "rb"))
                except (FileNotFoundError, NotADirectoryError):
                    return False
                if file.read(len(data) + 1) != data:
                    return False
        return True

    def _layer(self, tree: Path, number: int) -> Path:
        return tree / self._names[number] / LAYER


def _unfinished(layer: Path) -> Path:
    return layer.with_name(layer.name + ".part")


def _is_file(path: Path) -> bool:
    """A regular file, and no link to one. Raises OSError for what cannot be looked at."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
