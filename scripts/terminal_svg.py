"""Terminal pictures: what stood on a terminal's screen, moment by moment, as one SVG that moves.

A still picture has one frame. Each run of characters is put at its own column and held to its width, so that columns
stand straight in whatever font is there; characters two columns wide are placed one by one.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple
from xml.sax.saxutils import escape, quoteattr

WIDE, HIGH, SIZE = 8.4, 19, 14
"""A column's width, a row's height and the letters' size, in the picture's own units."""
EDGE = 14
_FONTS = (
    "'Cascadia Mono','DejaVu Sans Mono',Menlo,Consolas,'Noto Sans Mono CJK SC','PingFang SC','Microsoft YaHei',"
    "'WenQuanYi Micro Hei',monospace"
)
_COLOURS = {
    "default": "#d8dee6",
    "black": "#1b2027",
    "red": "#f2777a",
    "green": "#8ccf7e",
    "brown": "#e6c66d",  # what terminals call yellow
    "blue": "#7aa8e6",
    "magenta": "#c792ea",
    "cyan": "#6cc9d6",
    "white": "#f4f6f8",
    "dim": "#8b96a5",
}
_LAST_STAYS = 5.0
"""Seconds that the last frame is shown before it begins again."""


class Run(NamedTuple):
    """Characters in one style, from `column` on; `is_wide`: each takes two columns."""

    column: int
    text: str
    colour: str
    is_bold: bool
    is_wide: bool

    @property
    def columns(self) -> int:
        return len(self.text) * (2 if self.is_wide else 1)


Line = Tuple[Run, ...]


class Frame(NamedTuple):
    """The screen from `at` seconds on, trailing empty lines left out."""

    at: float
    lines: Tuple[Line, ...]


def draw(title: str, frames: Sequence[Frame], columns: int) -> str:
    """The picture; `title` says what it shows, for who cannot see it. Raises ValueError without a frame."""
    if not frames:
        raise ValueError("wanted a frame at least, got none")
    rows = max(len(frame.lines) for frame in frames)
    width, height = round(columns * WIDE + 2 * EDGE), rows * HIGH + 2 * EDGE
    names = _names(frames)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label={quoteattr(title)} xml:space="preserve">',
        f"<title>{escape(title)}</title>",
        f"<style>{_style(frames, height)}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#1b2027"/>',
        "<defs>",
        *(f'<g id="{name}">{"".join(map(_run, line))}</g>' for line, name in names.items()),
        "</defs>",
        f'<svg width="{width}" height="{height}"><g class="film">',
        *(_frame(frame, place * height, names) for place, frame in enumerate(frames)),
        "</g></svg>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _names(frames: Sequence[Frame]) -> Dict[Line, str]:
    """A name for each line that is drawn: one that stands in many frames is written once."""
    names: Dict[Line, str] = {}
    for frame in frames:
        for line in filter(None, frame.lines):
            names.setdefault(line, f"l{len(names)}")
    return names


def _frame(frame: Frame, top: int, names: Dict[Line, str]) -> str:
    uses = (
        f'<use href="#{names[line]}" y="{top + EDGE + row * HIGH}"/>' for row, line in enumerate(frame.lines) if line
    )
    return f'<g class="frame">{"".join(uses)}</g>'


def _run(run: Run) -> str:
    kinds = run.colour + (" bold" if run.is_bold else "") + (" wide" if run.is_wide else "")
    if run.is_wide:
        place = " ".join(_number(EDGE + (run.column + 2 * number) * WIDE) for number in range(len(run.text)))
        held = ""
    else:
        place = _number(EDGE + run.column * WIDE)
        held = f' textLength="{_number(run.columns * WIDE)}"'
        if not run.text.isascii():
            held += ' lengthAdjust="spacingAndGlyphs"'  # a bar without gaps
    return f'<text x="{place}" y="{SIZE}"{held} class="{kinds}">{escape(run.text)}</text>'


def _style(frames: Sequence[Frame], height: int) -> str:
    rules = [f"text{{font:{SIZE}px {_FONTS};white-space:pre}}"]
    rules.append(f".bold{{font-weight:bold}}.wide{{font-size:{SIZE + 1}px}}")
    used = {run.colour for frame in frames for line in frame.lines for run in line}
    rules += [f".{name}{{fill:{_COLOURS[name]}}}" for name in sorted(used)]
    if len(frames) > 1:
        rules += _film(frames, height)
    return "".join(rules)


def _film(frames: Sequence[Frame], height: int) -> Iterator[str]:
    """Frames stand one under the other, and the film jumps from one to the next. Who wants no motion sees one alone,
    in the middle."""
    start, whole = frames[0].at, frames[-1].at - frames[0].at + _LAST_STAYS
    steps: List[str] = [
        f"{_number(100 * (frame.at - start) / whole)}%{{transform:translateY(-{place * height}px)}}"
        for place, frame in enumerate(frames)
    ]
    steps.append(f"100%{{transform:translateY(-{(len(frames) - 1) * height}px)}}")
    still = len(frames) // 2 * height
    yield f".film{{transform:translateY(-{still}px);animation:film {_number(whole)}s step-end infinite}}"
    yield f"@keyframes film{{{''.join(steps)}}}"
    yield "@media (prefers-reduced-motion:reduce){.film{animation:none}}"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
