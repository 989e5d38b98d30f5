"""What may be said of a stranger's bytes: one line that does nothing to a terminal; and how long that may take."""

from __future__ import annotations

import time
import unicodedata
from contextlib import contextmanager
from typing import Iterator, List, Type

from dockferry.errors import DockferryError

_BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LONGEST = 2000
_SECONDS = 2.0


def assert_plain(text: str, longest: int = _LONGEST) -> None:
    """No control characters, no line breaks, no change of direction, no lone surrogates, and an end."""
    assert len(text) <= longest
    for char in text:
        assert unicodedata.category(char) not in ("Cc", "Zl", "Zp", "Cs"), repr(char)
        assert char not in _BIDI, repr(char)


@contextmanager
def only(*expected: Type[DockferryError]) -> Iterator[List[str]]:
    """What is inside ends within moments of this thread's time, well or with an `expected` error in plain words.

    The list that is given holds these words.
    """
    began = time.thread_time()
    said: List[str] = []
    try:
        yield said
    except expected as error:
        said.append(str(error))
    assert time.thread_time() - began < _SECONDS
    for words in said:
        assert_plain(words)
