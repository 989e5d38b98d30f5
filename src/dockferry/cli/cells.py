"""Cells: how wide text is on a terminal, where a Chinese character takes two columns: pure."""

from __future__ import annotations

import unicodedata
from typing import List

_WIDE = "WF"


def width(text: str) -> int:
    """Columns that `text` takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def left(text: str, wide: int) -> str:
    """`text`, filled with spaces on its right to `wide` columns."""
    return text + " " * (wide - width(text))


def right(text: str, wide: int) -> str:
    """`text`, filled with spaces on its left to `wide` columns."""
    return " " * (wide - width(text)) + text


def cut(text: str, wide: int) -> str:
    """The beginning of `text` that fits in `wide` columns."""
    taken = 0
    for place, char in enumerate(text):
        taken += _columns(char)
        if taken > wide:
            return text[:place]
    return text


def wrap(text: str, wide: int) -> List[str]:
    """`text` in lines of at most `wide` columns: broken at spaces, and beside wide characters but for punctuation."""
    lines, line = [], ""
    for piece in _pieces(" ".join(text.split())):
        if line and width(line) + width(piece.rstrip()) > wide:
            lines.append(line.rstrip())
            line = ""
        line += piece if line else piece.lstrip()
    return [*lines, line.rstrip()] if line.strip() else lines


def _pieces(text: str) -> List[str]:
    """What is not broken: words with the space after them, single wide characters with the punctuation after them."""
    found: List[str] = []
    is_open = False
    for char in text:
        is_wide = _columns(char) == 2
        is_tied = bool(found) and (char in "，。；：、！？）」』》” " or (not is_wide and is_open))
        if is_tied:
            found[-1] += char
        else:
            found.append(char)
        is_open = (not is_wide and char != " ") or char in "（「『《“"
    return found


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1
