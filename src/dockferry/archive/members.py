"""Members: the files of an archive by name, whether it is a tar, a gzipped tar or a directory."""

from __future__ import annotations

import os
import posixpath
import stat
from pathlib import Path
from typing import Dict, Iterator, List, Protocol, Tuple

from ..errors import ContentError, DiskError, UsageError
from ..message import Message
from ..text import shown_path
from .byte_file import ByteFile, ByteStream, GzipFile, PlainFile, read_exactly
from .layout import INDEX_FILE, WORK_DIRECTORY
from .tar_walk import MAX_MEMBERS, WalkedMember, check_name, walk
from .tree_files import is_tree
from .unpack import MAGIC_SIZE, packing


class Members(Protocol):
    """`sizes`: name to size in bytes, in the order in which they stand. Names are plain paths inside the archive."""

    path: Path
    sizes: Dict[str, int]

    def open(self, name: str, start: int = 0) -> ByteStream:
        """The bytes of a member from `start` on. Raises ContentError where it is missing."""

    def close(self) -> None:
        """No more reads."""


def open_members(path: Path) -> Members:
    """Raises DiskError for what cannot be opened, ContentError for what is no archive, UsageError for a tree."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise DiskError.of("open", path, error, remedy="check the path and its permissions") from None
    if stat.S_ISDIR(mode):
        _refuse_tree(path)
        return DirectoryMembers(path)
    if not stat.S_ISREG(mode):
        raise DiskError("wanted an archive or a layout directory, got a special file: {}", shown_path(path))
    return TarMembers(path)


def _refuse_tree(path: Path) -> None:
    """Its manifest.json is not the one that an archive has."""
    if is_tree(path) and not os.path.lexists(path / INDEX_FILE):
        raise UsageError(
            "{}: wanted an archive or an image layout, got a layer tree",
            shown_path(path),
            remedy="the same pull with --force proves it, and makes it anew if it is damaged",
        )


def read_member(members: Members, name: str, limit: int) -> bytes:
    """All of a small member. Raises ContentError where it is missing or larger than `limit`."""
    size = members.sizes.get(name, 0)
    if size > limit:
        raise ContentError("{}: {}: wanted at most {} bytes, got {}", shown_path(members.path), name, limit, size)
    with members.open(name) as stream:
        return stream.read()


class TarMembers:
    """A tar's regular files. A symbolic link counts where old `docker save` made one: `<id>/layer.tar`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._what = shown_path(path)
        self._file = _open_tar(path)
        try:
            self._places = self._walk()
        except BaseException:
            self.close()
            raise
        self.sizes = {name: size for name, (_, size) in self._places.items()}

    def open(self, name: str, start: int = 0) -> ByteStream:
        place = self._places.get(name)
        if place is None:
            raise _missing(self._what, name)
        offset, size = place
        return ByteStream(self._file, offset + start, max(0, size - start), f"{self._what}: {name}")

    def close(self) -> None:
        self._file.close()

    def _walk(self) -> Dict[str, Tuple[int, int]]:
        found: Dict[str, Tuple[int, int]] = {}
        links: List[WalkedMember] = []
        names = set()
        for member in walk(self._file, self._what):
            if member.name in names:
                raise ContentError("{}: {}: wanted each member once, got it twice", self._what, member.name)
            names.add(member.name)
            if member.link is not None:
                links.append(member)
            else:
                found[member.name] = (member.offset, member.size)
        for member in links:
            found[member.name] = found[self._target(member, found)]
        return found

    def _target(self, member: WalkedMember, found: Dict[str, Tuple[int, int]]) -> str:
        """What a link stands for: a regular file of this archive, and only for a legacy layer."""
        name = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), str(member.link)))
        if not member.name.endswith("/layer.tar") or name not in found:
            raise ContentError("{}: {}: wanted a regular file, got a symbolic link", self._what, member.name)
        return name


class DirectoryMembers:
    """An OCI layout directory's regular files, one level of blobs deep; a link is refused."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._what = shown_path(path)
        self.sizes: Dict[str, int] = {}
        try:
            for name, size in sorted(self._scan("", 0)):
                self.sizes[name] = size
        except OSError as error:
            raise DiskError.of("read", path, error, remedy="check its permissions") from None

    def open(self, name: str, start: int = 0) -> ByteStream:
        size = self.sizes.get(name)
        if size is None:
            raise _missing(self._what, name)
        file = PlainFile(self.path / name)
        return ByteStream(file, start, max(0, size - start), f"{self._what}: {name}", on_close=file.close)

    def close(self) -> None:
        """Each stream has its own file."""

    def _scan(self, below: str, depth: int) -> Iterator[Tuple[str, int]]:
        with os.scandir(self.path / below) as entries:
            for place, entry in enumerate(entries):
                name = check_name(below + entry.name, self._what)
                if place > MAX_MEMBERS:
                    raise ContentError("{}: wanted at most {} files, got more", self._what, MAX_MEMBERS)
                if entry.is_file(follow_symlinks=False):
                    yield name, entry.stat(follow_symlinks=False).st_size
                elif not entry.is_dir(follow_symlinks=False):
                    raise ContentError(
                        "{}: {}: wanted a regular file, got a link or a special file", self._what, name
                    )
                elif depth < 2 and name != WORK_DIRECTORY:
                    yield from self._scan(name + "/", depth + 1)


def _open_tar(path: Path) -> ByteFile:
    plain = PlainFile(path, follow=True)
    kind = packing(read_exactly(plain, 0, MAGIC_SIZE))
    if not kind:
        return plain
    plain.close()
    if kind == "gzip":
        return GzipFile(path)
    tool = {"zstd": "zstd -d", "xz": "xz -d", "bzip2": "bunzip2"}[kind]
    raise ContentError(
        "{}: wanted a tar, plain or gzipped, got one packed with {}",
        shown_path(path),
        kind,
        remedy=Message("unpack it: {}", tool),
    )


def _missing(what: str, name: str) -> ContentError:
    return ContentError("{}: wanted the member {}, got an archive without it", what, name)
