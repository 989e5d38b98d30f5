"""Tar walk: the members of a tar from a stranger, one after the other, without extracting any.

Strategy: `tarfile` parses a header block, and nothing more: its own walk reads extended headers of any size into
memory and takes an archive that is cut short for a complete one. Read are pax and GNU long names; refused is all that
no image archive has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, Iterator, Optional

from ..errors import ContentError
from ..message import Message
from ..oci.descriptor import MAX_BLOB
from ..text import clean
from .byte_file import ByteFile, read_exactly
from .tar import BLOCK, END

if TYPE_CHECKING:
    from tarfile import TarInfo

MAX_MEMBERS = 50_000
"""A `docker save` of many images has three for each layer."""
_MAX_EXTENDED = 64 * 1024
_MAX_TAIL = 1024 * 1024
_FILE, _DIRECTORY, _SYMLINK = (b"0", b"\0", b"7"), b"5", b"2"
_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK = b"x", b"g", b"L", b"K"
_KIND_NAMES = {
    b"1": Message("a hard link"),
    b"3": Message("a device"),
    b"4": Message("a device"),
    b"6": Message("a pipe"),
    b"S": Message("a sparse file"),
}


@dataclass(frozen=True)
class WalkedMember:
    """A regular file of `size` bytes at `offset`, or, where `link` is there, a symbolic link to it."""

    name: str
    offset: int
    size: int
    link: Optional[str] = None


def walk(file: ByteFile, what: str) -> Iterator[WalkedMember]:
    """The members of the tar in `file`, directories left out, as they stand; names are checked, targets are not.

    Raises ContentError, naming `what`, for a tar that is cut short or damaged, or has members of another kind.
    """
    offset, count = 0, 0
    last: str = Message("its beginning")
    said: Dict[str, str] = {}
    while True:
        block = _block(file, offset, what, last)
        if block == END[:BLOCK]:
            _check_end(file, offset, what, last)
            return
        info = _parse(block, what, last)
        data = offset + BLOCK
        size = _size(info, said, what)
        if info.type in (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
            said.update(_extended(file, info, data, size, what))
        else:
            name = said.get("path", info.name)
            last = clean(name, 200)
            if info.type != _DIRECTORY:
                yield _member(info, check_name(name, what), data, size, said, what)
            said = {}
        count += 1
        if count > MAX_MEMBERS:
            raise ContentError("{}: wanted at most {} members, got more", what, MAX_MEMBERS)
        has_data = info.type not in (_DIRECTORY, _SYMLINK)
        offset = data + (size + -size % BLOCK if has_data else 0)


def check_name(name: str, what: str) -> str:
    """`name` without a leading `./`. Raises ContentError for a name that leads out of the archive."""
    plain = name[2:] if name.startswith("./") else name
    if len(plain) > 1000 or "\\" in plain or clean(plain, 1000) != plain:
        raise ContentError("{}: member {}: wanted a plain name", what, clean(repr(name), 200))
    if plain[1:2] == ":" or any(part in ("", ".", "..") for part in plain.split("/")):
        raise ContentError("{}: member {}: wanted a name inside the archive", what, clean(name, 200))
    return plain


def _block(file: ByteFile, offset: int, what: str, last: str) -> bytes:
    block = read_exactly(file, offset, BLOCK)
    if len(block) < BLOCK and offset == 0:
        raise ContentError(
            "{}: wanted an image archive, got {}",
            what,
            Message("a file of {} bytes", len(block)) if block else Message("an empty file"),
            remedy="check the path",
        )
    if len(block) < BLOCK:
        raise ContentError(
            "{}: wanted a header or the end mark at byte {}, after {}, got the end of the file",
            what,
            offset,
            last,
            remedy="it was cut short: download or copy it again",
        )
    return block


def _parse(block: bytes, what: str, last: str) -> TarInfo:
    import tarfile

    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        raise ContentError(
            "{}: wanted a tar header after {}, got other bytes ({})",
            what,
            last,
            error,
            remedy="it is damaged or no tar: download or copy it again",
        ) from None


def _size(info: TarInfo, said: Dict[str, str], what: str) -> int:
    text = said.get("size")
    size = info.size
    if text is not None and info.type not in (_PAX, _PAX_GLOBAL, _GNU_NAME, _GNU_LINK):
        size = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else -1
    if not 0 <= size <= MAX_BLOB:
        raise ContentError("{}: member {}: wanted a size from 0 to {}", what, clean(info.name, 200), MAX_BLOB)
    return size


def _member(info: TarInfo, name: str, data: int, size: int, said: Dict[str, str], what: str) -> WalkedMember:
    if info.type in _FILE:
        return WalkedMember(name, data, size)
    if info.type == _SYMLINK:
        return WalkedMember(name, data, 0, said.get("linkpath", info.linkname))
    kind = _KIND_NAMES.get(info.type, Message("a member of an unknown kind"))
    raise ContentError("{}: member {}: wanted a regular file, got {}", what, name, kind)


def _extended(file: ByteFile, info: TarInfo, data: int, size: int, what: str) -> Dict[str, str]:
    """What an extended header says of the next member's path, link and size."""
    raw = read_exactly(file, data, size) if size <= _MAX_EXTENDED else b""
    if len(raw) != size:
        raise ContentError("{}: wanted an extended header of at most {} bytes, got {}", what, _MAX_EXTENDED, size)
    if info.type in (_GNU_NAME, _GNU_LINK):
        key = "path" if info.type == _GNU_NAME else "linkpath"
        return {key: raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    found = _pax(raw, what)
    if any(key.startswith("GNU.sparse") for key in found):
        raise ContentError("{}: wanted regular files, got a sparse one", what)
    known = {key: value for key, value in found.items() if key in ("path", "linkpath", "size")}
    if known and info.type == _PAX_GLOBAL:
        raise ContentError("{}: got a global header that renames or resizes every member", what)
    return known


def _pax(raw: bytes, what: str) -> Dict[str, str]:
    """Records `LENGTH key=value\\n` (POSIX.1-2017 pax, "pax Extended Header")."""
    found: Dict[str, str] = {}
    while raw:
        digits, space, _ = raw[:8].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = raw[len(digits) + 1 : length].partition(b"=")
        if not (space and equals and len(digits) + 3 <= length <= len(raw) and value.endswith(b"\n")):
            raise ContentError("{}: wanted pax records, got other bytes", what)
        found[key.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        raw = raw[length:]
    return found


def _check_end(file: ByteFile, offset: int, what: str, last: str) -> None:
    """Two zero blocks, and after them at most some more zeros."""
    tail = read_exactly(file, offset, _MAX_TAIL + 1)
    if len(tail) < len(END):
        _block(file, offset + BLOCK, what, last)
    if len(tail) > _MAX_TAIL or tail.count(0) != len(tail):
        raise ContentError("{}: wanted nothing after the end mark at byte {}, got more data", what, offset)
