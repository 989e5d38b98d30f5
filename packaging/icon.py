"""The program's icon: a ferry that carries three containers. `python packaging/icon.py` draws it anew, with Pillow.

The files that it makes are kept beside it, so that no build needs Pillow.
"""

from __future__ import annotations

from pathlib import Path
from typing import List

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
SIZES = (16, 24, 32, 48, 64, 128, 256)
_GRID = 32
"""The drawing's own unit is a 32nd of its side."""
_FINER = 8
"""It is drawn so many times as large and made smaller, which smooths the edges."""

_SEA, _SKY, _HULL, _FOAM = "#1f6f9f", "#e9f3f8", "#23313d", "#bfe0ef"
_CARGO = ("#e0603a", "#f0b23c", "#3c9d76")


def draw(side: int) -> Image.Image:
    """The icon, `side` pixels wide and high, transparent outside its rounded square."""
    large = side * _FINER
    image = Image.new("RGBA", (large, large))
    pen = ImageDraw.Draw(image)

    def at(*places: float) -> List[float]:
        return [place * large / _GRID for place in places]

    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).rounded_rectangle(at(0, 0, 32, 32), radius=large // 6, fill=255)
    pen.rectangle(at(0, 0, 32, 32), fill=_SKY)
    for colour, (left, top) in zip(_CARGO, ((8, 12), (14, 12), (11, 7))):
        pen.rectangle(at(left, top, left + 5.4, top + 4.4), fill=colour)
    pen.rectangle(at(21, 9, 25, 17), fill=_HULL)  # the bridge, and its window
    pen.rectangle(at(22, 10.5, 24, 12), fill=_SKY)
    pen.polygon(at(3, 17, 29, 17, 25.5, 24.5, 6.5, 24.5), fill=_HULL)
    pen.rectangle(at(0, 23.5, 32, 32), fill=_SEA)
    for left in (2, 12, 22):
        pen.rectangle(at(left, 26.4, left + 8, 27.6), fill=_FOAM)
    image.putalpha(mask)
    return image.resize((side, side), Image.Resampling.LANCZOS)


def main(folder: Path = HERE) -> None:
    """Write icon.ico for Windows and icon.icns for macOS into `folder`."""
    drawn = {side: draw(side) for side in (*SIZES, 512)}
    drawn[256].save(folder / "icon.ico", sizes=[(side, side) for side in SIZES], append_images=list(drawn.values()))
    drawn[512].save(folder / "icon.icns", append_images=list(drawn.values()))


if __name__ == "__main__":
    main()
