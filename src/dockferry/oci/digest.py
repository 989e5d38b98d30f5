"""Digest: the name of bytes (OCI image spec, descriptor.md#digests)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Iterable, Union

from ..errors import ContentError
from ..message import Message
from ..text import clean

_FORMS = {"sha256": re.compile(r"[0-9a-f]{64}"), "sha512": re.compile(r"[0-9a-f]{128}")}


@dataclass(frozen=True)
class Digest:
    """`algorithm` is sha256 or sha512, `hex` its lower-case hexadecimal: safe in a path and in a URL."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: object, what: str = "") -> Digest:
        """From `sha256:<64 hex>` or `sha512:<128 hex>`, nothing else. Raises ContentError, naming `what`."""
        if isinstance(text, str):
            algorithm, _, hexes = text.partition(":")
            form = _FORMS.get(algorithm)
            if form and form.fullmatch(hexes):
                return cls(algorithm, hexes)
        wanted = Message("wanted a digest like sha256:<64 lower-case hex digits>, got {}", clean(repr(text), 100))
        raise ContentError("{}: {}", what, wanted) if what else ContentError(wanted)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Digest:
        """The digest of `data`."""
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())

    def hasher(self) -> Any:
        """A fresh hashlib object of this digest's algorithm."""
        return hashlib.new(self.algorithm)

    def is_of(self, chunks: Iterable[Union[bytes, memoryview]]) -> bool:
        """Whether all of `chunks`, one after another, hash to this."""
        hasher = self.hasher()
        for chunk in chunks:
            hasher.update(chunk)
        return bool(hasher.hexdigest() == self.hex)

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, as people know layers by."""
        return self.hex[:12]

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"
