"""Tar: deterministic member headers, padding and end mark (POSIX.1-2017 pax, ustar header block).

Strategy: the 512 bytes of a header are packed here and not by `tarfile`, whose output for the device fields changed
with Python 3.9: an archive's bytes must not depend on the Python that planned it.
"""

from __future__ import annotations

import re
import struct

BLOCK = 512
END = bytes(2 * BLOCK)
"""The end mark: two zero blocks."""
_USTAR = struct.Struct("100s8s8s8s12s12s8sc100s6s2s32s32s8s8s155s12x")
_MAX_NAME = 100
_MAX_SIZE = 8**11 - 1
_REGULAR, _SYMLINK, _PAX = b"0", b"2", b"x"


def header(name: str, size: int) -> bytes:
    """The header of a regular file `name` (ASCII) of `size` bytes: mode 0644, mtime 0, uid 0, gid 0, no owner names.

    512 bytes; 1536 where the name is longer than 100 characters or the size is 8 GiB or more, which only a pax
    extended header can say.
    """
    raw = name.encode("ascii")
    records = b""
    if len(raw) > _MAX_NAME:
        records += _record(b"path", raw)
    if size > _MAX_SIZE:
        records += _record(b"size", b"%d" % size)
    block = _block(raw[:_MAX_NAME], 0 if size > _MAX_SIZE else size, _REGULAR)
    if not records:
        return block
    return _block(b"././@PaxHeader", len(records), _PAX) + records + padding(len(records)) + block


def short_header(name: str, size: int, link: str = "") -> bytes:
    """As `header`, in 512 bytes whatever the size, for a `name` of at most 100 characters.

    From 8 GiB on the size is a binary number, as GNU tar, Go and Python write and read it: so the header's place can
    be left open until the size is known. With `link` it is a symbolic link to that, of no size.
    """
    raw = name.encode("ascii")
    if len(raw) > _MAX_NAME:
        raise ValueError(f"a name of more than {_MAX_NAME} characters: {name}")
    return _block(raw, 0 if link else size, _SYMLINK if link else _REGULAR, link.encode("ascii"))


def size_in(block: bytes) -> int:
    """The size that a header block says, octal or binary; -1 where it says none."""
    field = block[124:136]
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.rstrip(b" \0")
    return int(digits, 8) if re.fullmatch(rb"[0-7]{1,11}", digits) else -1


def padding(size: int) -> bytes:
    """The zeros that fill up the last block of `size` bytes of data."""
    return bytes(-size % BLOCK)


def _record(key: bytes, value: bytes) -> bytes:
    """`LENGTH key=value\\n`, where LENGTH counts its own digits."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return b"%d" % length + rest


def _block(name: bytes, size: int, kind: bytes, link: bytes = b"") -> bytes:
    zero = b"0000000\0"
    mode = b"0000777\0" if kind == _SYMLINK else b"0000644\0"
    said = b"%011o\0" % size if size <= _MAX_SIZE else b"\x80" + size.to_bytes(11, "big")
    fields = (name, mode, zero, zero, said, b"%011o\0" % 0)
    rest = (kind, link, b"ustar\0", b"00", b"", b"", zero, zero, b"")
    unsummed = _USTAR.pack(*fields, b" " * 8, *rest)
    return _USTAR.pack(*fields, b"%06o\0 " % sum(unsummed), *rest)
