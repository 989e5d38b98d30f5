"""Unpacking: a layer's plain bytes from its packed ones, in a stream, in constant memory and under a cap.

Strategy: the standard library's decompressors share one shape (`decompress(data, limit)`, `eof`, `needs_input`,
`unused_data`) but for zlib's, which gets it here. zstd has it from Python 3.14 on; before, the `zstandard` module is
used if it is installed.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from typing import Any, BinaryIO, Callable, Iterator, Tuple, Type

from ..errors import ContentError

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\0": "xz", b"BZh": "bzip2"}
MAGIC_SIZE = 6
_STEP = 64 * 1024
_MEMORY = 256 * 1024 * 1024
_FREE_SIZE = 64 << 30
_MOST_RATIO = 1100
"""More than gzip can reach (1032): only the other forms pack a layer of zeros tighter, and get 64 GiB for that."""


def packing(head: bytes) -> str:
    """`gzip`, `zstd`, `xz` or `bzip2` by the first MAGIC_SIZE bytes; empty for anything else, such as a plain tar."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def can_unpack(head: bytes) -> bool:
    """Whether this Python has a decompressor for what begins like this: only zstd may lack one."""
    return packing(head) != "zstd" or sys.version_info >= (3, 14) or find_spec("zstandard") is not None


def cap(size: int) -> int:
    """Bytes that a layer of `size` packed bytes may honestly unpack to."""
    return max(_FREE_SIZE, size * _MOST_RATIO)


def unpacked(stream: BinaryIO, most: int, what: str) -> Iterator[bytes]:
    """The plain bytes of a layer, in steps of at most 64 KiB and at most `most` of them.

    Raises ContentError, naming `what`, for damaged data and for a bomb. Ask `can_unpack` before.
    """
    head = stream.read(MAGIC_SIZE)
    kind = packing(head)
    rest = _Rest(head, stream)
    left = most
    for chunk in _chunks(kind, rest, what):
        left -= len(chunk)
        if left < 0:
            raise ContentError("{}: wanted a layer of at most {} bytes unpacked, got more: a bomb", what, most)
        yield chunk


class _Rest:
    """What is still to be read: bytes given back, then the stream."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self.head, self._stream = head, stream

    def read(self, size: int = _STEP) -> bytes:
        if not self.head:
            return self._stream.read(size)
        data, self.head = self.head[:size], self.head[size:]
        return data

    def has_more(self) -> bool:
        """Whether anything but zeros follows."""
        for data in iter(self.read, b""):
            if data.count(0) != len(data):
                self.head = data
                return True
        return False


def _chunks(kind: str, rest: _Rest, what: str) -> Iterator[bytes]:
    if not kind:
        return iter(rest.read, b"")
    if kind == "zstd" and sys.version_info < (3, 14):
        return _zstandard(rest, what)
    return _frames(_decompressor(kind), kind, rest, what)


def _frames(make: Callable[[], Any], kind: str, rest: _Rest, what: str) -> Iterator[bytes]:
    """A packed file may be several in a row, and may end in zeros."""
    import lzma
    import zlib

    errors: Tuple[Type[Exception], ...] = (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error)
    errors += _zstd_errors(kind)
    unpacker = make()
    while True:
        is_hungry = unpacker.needs_input
        data = rest.read() if is_hungry else b""
        try:
            chunk = unpacker.decompress(data, _STEP)
        except errors as error:
            raise ContentError("{}: wanted sound {} data, got: {}", what, kind, error) from None
        if chunk:
            yield chunk
        if unpacker.eof:
            rest.head = unpacker.unused_data + rest.head
            if not rest.has_more():
                return
            unpacker = make()
        elif is_hungry and not data and not chunk:
            raise ContentError("{}: wanted {} data to its end, got only a part of it", what, kind)


def _decompressor(kind: str) -> Callable[[], Any]:
    if kind == "gzip":
        return _Gzip
    if kind == "bzip2":
        import bz2

        return bz2.BZ2Decompressor
    if kind == "xz":
        import lzma

        return lambda: lzma.LZMADecompressor(memlimit=_MEMORY)
    zstd = importlib.import_module("compression.zstd")
    options = {zstd.DecompressionParameter.window_log_max: _MEMORY.bit_length() - 1}
    return lambda: zstd.ZstdDecompressor(options=options)


def _zstd_errors(kind: str) -> Tuple[Type[Exception], ...]:
    return (importlib.import_module("compression.zstd").ZstdError,) if kind == "zstd" else ()


def _zstandard(rest: _Rest, what: str) -> Iterator[bytes]:
    module = importlib.import_module("zstandard")
    unpacker = module.ZstdDecompressor(max_window_size=_MEMORY)
    try:
        with unpacker.stream_reader(rest, read_size=_STEP, read_across_frames=True, closefd=False) as reader:
            yield from iter(lambda: reader.read(_STEP), b"")
    except module.ZstdError as error:
        raise ContentError("{}: wanted sound zstd data, got: {}", what, error) from None


class _Gzip:
    """zlib's decompressor in the shape of the others."""

    def __init__(self) -> None:
        import zlib

        self._inner = zlib.decompressobj(wbits=31)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, limit: int) -> bytes:
        return self._inner.decompress(data or self._inner.unconsumed_tail, limit)
