"""Growth plots: one picture of how costs grow, drawn from what the JSON holds.

python bench/growth_plots.py GROWTH.json FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, List, Tuple

from exponents import COSTS, Series
from growth_report import Growth
from matplotlib import pyplot
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from plots import FAINT, FLOOR, INK, OURS, STYLE, saved

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_SIZE = (3.1, 2.5)


def draw(growth: Growth, folder: Path) -> Path:
    """`growth.svg` in `folder`, which is made: a row for each series, a panel for each cost, logarithmic."""
    folder.mkdir(parents=True, exist_ok=True)
    series = [one for one in growth.series if len(one.points) > 1]
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(
            len(series),
            len(COSTS),
            figsize=(_SIZE[0] * len(COSTS), _SIZE[1] * len(series) + 0.8),
            squeeze=False,
            layout=ConstrainedLayoutEngine(h_pad=0.1, w_pad=0.1),
        )
        figure.suptitle("How cost grows", x=0.012, ha="left", fontsize=13, fontweight="bold")
        for row, one in zip(axes, series):
            for axis, cost in zip(row, COSTS):
                _panel(axis, one, cost)
            row[0].set_title(one.name, loc="left", fontsize=10.5, pad=10, color=INK)
        return saved(
            figure,
            growth.circumstances,
            folder / "growth.svg",
            "dots: medians; dashed: linear growth to the last one",
        )


def _panel(axis: Any, series: Series, cost: str) -> None:
    points = series.medians(cost)
    amounts, values = zip(*points)
    low, high = _ends(values)
    axis.plot(*_linear(points, low), color=FLOOR, linewidth=1, dashes=(4, 3), zorder=2)
    axis.plot(amounts, values, color=OURS, linewidth=2, marker="o", markersize=5, zorder=3)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(amounts[0] / 1.6, amounts[-1] * 1.6)
    axis.set_ylim(low, high)
    axis.xaxis.set_major_locator(LogLocator(numticks=12))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 200 else (1,)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(labelsize=8.5, labelcolor=FAINT)
    axis.grid(color="#e9ecef", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.set_ylabel(cost, fontsize=9, color=FAINT)


def _ends(values: Tuple[float, ...]) -> Tuple[float, float]:
    """A little more than the values have; never less than a factor of ten, for what is flat must look flat."""
    low, high = min(values) / 1.5, max(values) * 1.5
    if high < 10 * low:
        middle = (low * high) ** 0.5
        low, high = middle / 10**0.5, middle * 10**0.5
    return low, high


def _linear(points: List[Tuple[int, float]], low: float) -> Tuple[List[float], List[float]]:
    """What ends at the last point and grew linearly, from where it comes into the panel: worse is what is steeper."""
    (start, _), (end, cost) = points[0], points[-1]
    factor = min(end / start, cost / low)
    return [end / factor, end], [cost / factor, cost]


def _short(value: float) -> str:
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(draw(Growth.read(Path(sys.argv[1])), Path(sys.argv[2])))


if __name__ == "__main__":
    main()
