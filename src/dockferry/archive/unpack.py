"""Unpacking: a layer's plain bytes from its packed ones, in a stream, in constant memory and under a cap.

Strategy: the standard library's decompressors share one shape (`decompress(data, limit)`, `eof`, `needs_input`,
`unused_data`) but for zlib's and its kin, which get it in `gzip_modules`. zstd has it from Python 3.14 on; before,
the `zstandard` module is used if it is installed.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any, Callable, ContextManager, Generator, Iterator, Optional, Protocol, Tuple, Type

from ..errors import ContentError, UsageError
from .gzip_modules import GzipUnpacker, available

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz", b"BZh": "bzip2"}
MAGIC_SIZE = 6
_GZIP_RESERVED = b"\x20"
"""The least value of a gzip header's flags that no gzip has (RFC 1952, 2.3.1.2)."""
_STEP = 64 * 1024
_MEMORY = 128 * 1024 * 1024
"""Bytes of window that a layer may ask for: what zstd itself allows unasked, and twice what `xz -9` needs."""
_LARGE = ("zstd", "xz")
"""The packings that ask for a window."""
_FREE_SIZE = 64 << 30
_MOST_RATIO = 1100
"""More than gzip can reach (1032): only the other forms pack a layer of zeros tighter, and get 64 GiB for that."""


def packing(head: bytes) -> str:
    """`gzip`, `zstd`, `xz` or `bzip2` by the first MAGIC_SIZE bytes; empty for anything else, such as a plain tar."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def can_unpack(head: bytes) -> bool:
    """Whether this Python has a decompressor for what begins like this: only zstd may lack one."""
    return packing(head) != "zstd" or has_zstd()


def has_zstd() -> bool:
    """Whether this Python has a decompressor for zstd."""
    return sys.version_info >= (3, 14) or find_spec("zstandard") is not None


def cap(size: int) -> int:
    """Bytes that a layer of `size` packed bytes may honestly unpack to."""
    return max(_FREE_SIZE, size * _MOST_RATIO)


class Readable(Protocol):
    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end."""


def unpacked(
    stream: Readable,
    most: int,
    what: str,
    gzip: Optional[str] = None,
    large: Callable[[], ContextManager[object]] = nullcontext,
) -> Generator[bytes, None, None]:
    """The plain bytes of a layer, in steps of at most 64 KiB and at most `most` of them.

    `gzip`: the module that unpacks gzip, None for the fastest there is. `large` is held while 128 MiB may be taken,
    until the last byte or until the iterator is closed. Raises ContentError, naming `what`, for
    damaged data and for a bomb, UsageError where there is no decompressor (`can_unpack` says it before).
    """
    rest = _Rest(stream)
    head = rest.peek(MAGIC_SIZE)
    kind = packing(head)
    if not can_unpack(head):
        raise UsageError(
            "{}: wanted a decompressor for zstd, got none in this Python", what, remedy="pip install zstandard"
        )
    left = most
    with large() if kind in _LARGE else nullcontext():
        for chunk in _chunks(kind, rest, what, gzip or available()[0]):
            left -= len(chunk)
            if left < 0:
                raise ContentError("{}: wanted a layer of at most {} bytes unpacked, got more: a bomb", what, most)
            yield chunk


class _Rest:
    """What is still to be read: bytes given back, then the stream."""

    def __init__(self, stream: Readable) -> None:
        self.head, self._stream = b"", stream

    def read(self, size: int = _STEP) -> bytes:
        if not self.head:
            return self._stream.read(size)
        data, self.head = self.head[:size], self.head[size:]
        return data

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end; they are still to be read."""
        while len(self.head) < size:
            data = self._stream.read(size - len(self.head))
            if not data:
                break
            self.head += data
        return self.head[:size]

    def has_more(self) -> bool:
        """Whether anything but zeros follows."""
        for data in iter(self.read, b""):
            if data.count(0) != len(data):
                self.head = data
                return True
        return False


def _chunks(kind: str, rest: _Rest, what: str, gzip: str) -> Iterator[bytes]:
    if not kind:
        return iter(rest.read, b"")
    if kind == "zstd" and sys.version_info < (3, 14):
        return _zstandard(rest, what)
    make, error = _decompressor(kind, gzip)
    return _frames(make, (OSError, EOFError, ValueError, error), kind, rest, what)


def _frames(
    make: Callable[[], Any], errors: Tuple[Type[Exception], ...], kind: str, rest: _Rest, what: str
) -> Iterator[bytes]:
    """A packed file may be several in a row, and may end in zeros."""
    unpacker = make()
    _check_start(kind, rest, what)
    while True:
        is_hungry = unpacker.needs_input
        data = rest.read() if is_hungry else b""
        try:
            chunk = unpacker.decompress(data, _STEP)
        except errors:
            raise _damaged(what, kind) from None
        if chunk:
            yield chunk
        if unpacker.eof:
            rest.head = unpacker.unused_data
            if not rest.has_more():
                return
            _check_start(kind, rest, what)
            unpacker = make()
        elif is_hungry and not data and not chunk:
            raise ContentError("{}: wanted {} data to its end, got only a part of it", what, kind)


def _check_start(kind: str, rest: _Rest, what: str) -> None:
    """What some decompressors let pass, or wait for more of, and others call damaged."""
    head = rest.peek(MAGIC_SIZE)
    is_other = kind != "zstd" and packing(head) != kind  # a frame of zstd's may begin otherwise
    if is_other or (kind == "gzip" and head[3:4] >= _GZIP_RESERVED):
        raise _damaged(what, kind)


def _decompressor(kind: str, gzip: str) -> Tuple[Callable[[], Any], Type[Exception]]:
    """What makes one, and what that raises."""
    if kind == "gzip":
        module = importlib.import_module(gzip)
        return lambda: GzipUnpacker(module), module.error
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Decompressor, OSError
    if kind == "xz":
        import lzma

        return lambda: lzma.LZMADecompressor(memlimit=_MEMORY), lzma.LZMAError
    zstd = importlib.import_module("compression.zstd")
    options = {zstd.DecompressionParameter.window_log_max: _MEMORY.bit_length() - 1}
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError


def _zstandard(rest: _Rest, what: str) -> Iterator[bytes]:
    module = importlib.import_module("zstandard")
    unpacker = module.ZstdDecompressor(max_window_size=_MEMORY)
    try:
        with unpacker.stream_reader(rest, read_size=_STEP, read_across_frames=True, closefd=False) as reader:
            yield from iter(lambda: reader.read(_STEP), b"")
    except module.ZstdError:
        raise _damaged(what, "zstd") from None


def _damaged(what: str, kind: str) -> ContentError:
    """What a decompressor says of it is its own, and differs from one to the other."""
    if kind in _LARGE:
        return ContentError(
            "{}: wanted sound {} data with a window of at most {} MiB, got other bytes", what, kind, _MEMORY >> 20
        )
    return ContentError("{}: wanted sound {} data, got damaged bytes", what, kind)
