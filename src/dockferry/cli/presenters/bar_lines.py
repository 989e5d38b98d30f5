"""The lines of the bar: pure functions from events and a width to pieces of text, each with its style."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Tuple

from ...events import BlobProgress, Progress
from .. import cells
from ..language import say
from . import words

Line = List[Tuple[str, str]]
"""Pieces of one line: text and style."""


class Glyphs(NamedTuple):
    full: str
    half: str
    rest: str


UNICODE = Glyphs("━", "╸", "─")
ASCII = Glyphs("=", ">", "-")

_WIDTHS = {"name": 12, "bar": 8, "percent": 4, "amount": 15, "speed": 9, "elapsed": 8, "left": 13}
_IMPORTANCE = ("name", "percent", "bar", "left", "speed", "elapsed", "amount")
_GAP = 2
_WIDEST_BAR = 40


def columns(width: int) -> Dict[str, int]:
    """Which cells fit in `width`, in their order on the line, and how wide each is."""
    chosen: Dict[str, int] = {}
    free = width + _GAP
    for name in _IMPORTANCE:
        need = _WIDTHS[name] + _GAP
        if need > free:
            break
        chosen[name] = _WIDTHS[name]
        free -= need
    if "bar" in chosen:
        chosen["bar"] = min(chosen["bar"] + free, _WIDEST_BAR)
    return {name: chosen[name] for name in _WIDTHS if name in chosen}


def layer(blob: BlobProgress, width: int, glyphs: Glyphs) -> Line:
    """One layer under way, at most `width` wide."""
    checking = words.is_blob_checking(blob)
    done = blob.hashed if checking else blob.done
    wanted = columns(width)
    line: Line = []
    for name, wide in wanted.items():
        if line:
            line.append((" " * _GAP, ""))
        if name == "bar":
            line += _bar(done, blob.size, wide, glyphs)
        else:
            text = _cell(name, blob, done, checking)
            pad = cells.left if name == "name" else cells.right
            line.append((pad(text, wide), _style(name, checking)))
    return line


def whole(state: Progress, width: int) -> Line:
    """The line about everything; where it is too long, its less important parts are left out."""
    parts = words.whole_parts(state)
    shorter = ((3, ""), (2, f"{words.percent(state.done, state.size)}%"), (4, ""), (1, ""))
    for place, instead in shorter:  # speed goes, the amount becomes a percentage, remaining and elapsed go
        if cells.width(_joined(parts)) <= width:
            break
        parts[place] = instead
    return [(cells.cut(_joined(parts), width), "bold")]


def screen(state: Progress, width: int, height: int, glyphs: Glyphs) -> List[Line]:
    """All lines: the layers under way, as many as fit, and the whole."""
    room = max(height - 2, 1)
    active = list(state.active)
    shown = active if len(active) <= room else active[: room - 1]
    lines = [layer(blob, width, glyphs) for blob in shown]
    hidden = len(active) - len(shown)
    if hidden:
        lines.append([(cells.cut(say("and {} more", hidden), width), "dim")])
    lines.append(whole(state, width))
    return lines


def _joined(parts: List[str]) -> str:
    return " | ".join(part for part in parts if part)


def _cell(name: str, blob: BlobProgress, done: int, checking: bool) -> str:
    if name == "name":
        return words.short(blob.digest)
    if name == "percent":
        return f"{words.percent(done, blob.size)}%"
    if name == "amount":
        return words.amount(done, blob.size)
    if name == "speed":
        return say("checking") if checking else words.speed(blob.speed)
    if name == "elapsed":
        return words.clock(blob.elapsed)
    return say("left {}", words.clock(blob.remaining))


def _style(name: str, checking: bool) -> str:
    if name == "speed":
        return "yellow" if checking else "green"
    return {"name": "cyan", "elapsed": "dim", "amount": "dim"}.get(name, "")


def _bar(done: int, size: int, wide: int, glyphs: Glyphs) -> Line:
    halves = 2 * wide if done >= size else 2 * wide * done // size
    full, half = divmod(halves, 2)
    rest = wide - full - half
    return [(glyphs.full * full + glyphs.half * half, "green"), (glyphs.rest * rest, "dim")]
