"""gzip modules: what unpacks gzip here, the fastest first: ISA-L, zlib-ng, and zlib, which every Python has.

All give the same bytes. None says of damaged data what another says, so that their words are not shown.
"""

from __future__ import annotations

import importlib
from functools import lru_cache
from typing import Any, Tuple

GZIP_MODULES = ("isal.isal_zlib", "zlib_ng.zlib_ng", "zlib")


@lru_cache(maxsize=None)
def available() -> Tuple[str, ...]:
    """The names of those that can be loaded, the fastest first."""
    found = []
    for name in GZIP_MODULES:
        try:
            importlib.import_module(name)
        except ImportError:  # not installed, or for another processor
            continue
        found.append(name)
    return tuple(found)


class GzipUnpacker:
    """A decompressor of `module`, in the shape of the standard library's others."""

    def __init__(self, module: Any) -> None:
        self._inner = module.decompressobj(wbits=31)

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def decompress(self, data: bytes, limit: int) -> bytes:
        return bytes(self._inner.decompress(data or self._inner.unconsumed_tail, limit))
