"""Plots: pictures of a benchmark, drawn from what its JSON holds.

python bench/plots.py RESULTS.json... FOLDER      # of several runs, each with parts of its own

One picture for each part: a panel for each scenario, a bar for each tool, its median as so many times the floor,
with the range of its runs. Another one has the CPU time and the peak memory of those tools whose own they are.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import matplotlib
from measure import median
from result import Document, Result

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

OURS, OTHERS, INK, FAINT, FLOOR = "#0b7285", "#b8c0c8", "#212529", "#868e96", "#e8590c"
STYLE: Any = {
    "font.size": 10,
    "font.family": ["DejaVu Sans", "sans-serif"],
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "svg.fonttype": "none",  # words stay words: a tenth of the size
    "svg.hashsalt": "dockferry",
}
_TITLES = {
    "startup": "Start-up",
    "lan": "At the machine's limit, many layers",
    "onelayer": "At the machine's limit, one layer",
    "capped": "A mirror that caps each connection",
    "far": "A registry that is far away",
    "tiny": "Many tiny layers, far away",
    "mirrors": "Several mirrors at once",
    "resume": "Killed at half, run again",
}
_BAR, _HEAD, _FOOT, _WIDTH = 0.33, 0.75, 0.75, 8.6
_WIDE = 12.0
"""Above this many times the floor the axes of a picture are logarithmic."""

Bar = Tuple[str, List[float], str]
"""Who; the value of each run; what is written behind it."""


def draw(document: Document, folder: Path) -> List[Path]:
    """SVG files in `folder`, which is made: which ones."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    with pyplot.rc_context(STYLE):
        for part, results in _grouped(document.results, lambda result: result.part).items():
            panels = _grouped([one for one in results if one.over(one.floors)], lambda result: result.scenario)
            if panels:
                drawn.append(_times(part, panels, document.circumstances, folder / f"{part}.svg"))
        costs = [one for one in document.results if one.part in ("lan", "onelayer") and one.counts and one.samples]
        costs = [one for one in costs if not one.is_floor]
        if costs:
            drawn.append(_costs(costs, document.circumstances, folder / "cost.svg"))
    return drawn


def _times(part: str, panels: Dict[str, List[Result]], at: Dict[str, str], path: Path) -> Path:
    figure, axes = _figure([len(results) for results in panels.values()], _TITLES.get(part, part))
    is_wide = max(max(one.over(one.floors)) for results in panels.values() for one in results) > _WIDE
    for axis, (scenario, results) in zip(axes, panels.items()):
        bars = [(one.tool, one.over(one.floors), _words(one)) for one in results]
        _bars(axis, bars, "\n".join(textwrap.wrap(scenario, 88)), "times the floor", is_wide=is_wide)
        axis.axvline(1, color=FLOOR, linewidth=1.2, zorder=3)
        axis.text(1, -0.75, "floor", color=FLOOR, ha="center", va="bottom", fontsize=8.5)
    return saved(figure, at, path)


def _costs(results: Sequence[Result], at: Dict[str, str], path: Path) -> Path:
    scenarios = _grouped(results, lambda result: result.scenario)
    figure, axes = _figure([len(found) for found in scenarios.values()], "CPU time and peak memory", columns=2)
    for (left, right), (scenario, found) in zip(axes, scenarios.items()):
        cpu = [(one.tool, [sample.cpu * (1 << 30) / one.size for sample in one.samples], "{:.1f}") for one in found]
        memory = [(one.tool, [sample.rss / 1e6 for sample in one.samples], "{:.0f}") for one in found]
        order = [one[0] for one in sorted(cpu, key=lambda one: median(one[1]) or 0)]
        _bars(left, cpu, scenario, "CPU seconds for each GiB", order)
        _bars(right, memory, "", "peak memory, MB", order)
        right.set_yticklabels([])
    return saved(figure, at, path)


def _bars(
    axis: Any, bars: List[Bar], title: str, what: str, order: Sequence[str] = (), is_wide: bool = False
) -> None:
    """The fastest on top. `title` above, `what` below. A bar's own words are a format of its median."""
    bars = sorted(bars, key=lambda bar: order.index(bar[0]) if order else median(bar[1]) or 0)
    middles = [median(values) or 0.0 for _, values, _ in bars]
    largest = max(max(values) for _, values, _ in bars)
    start = 1.0 if is_wide else 0.0
    for place, ((who, values, words), middle) in enumerate(zip(bars, middles)):
        color = OURS if who.startswith("dockferry") else OTHERS
        axis.barh(place, middle - start, left=start, height=0.62, color=color, zorder=2)
        low, high = min(values), max(values)
        axis.plot([low, high], [place, place], color=INK, linewidth=1.1, zorder=4)
        for end in (low, high):
            axis.plot([end, end], [place - 0.13, place + 0.13], color=INK, linewidth=1.1, zorder=4)
        axis.annotate(
            words.format(middle),
            (max(max(values), start), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            fontweight="bold" if color == OURS else "normal",
        )
    axis.spines["left"].set_visible(False)
    axis.set_yticks(range(len(bars)), [who for who, _, _ in bars])
    axis.set_ylim(len(bars) - 0.45, -0.75)
    axis.tick_params(axis="y", length=0)
    if is_wide:
        axis.set_xscale("log")
        axis.set_xlim(min(0.9, *(min(values) * 0.95 for _, values, _ in bars)), largest * 3)
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        what += " (logarithmic)"
    else:
        axis.set_xlim(0, largest * 1.32)
    axis.set_xlabel(what, fontsize=9, color=FAINT)
    axis.grid(axis="x", color="#e9ecef", linewidth=0.8, zorder=0)
    axis.set_axisbelow(True)
    if title:
        axis.set_title(title, loc="left", fontsize=10, pad=16, color=INK)


def _words(result: Result) -> str:
    seconds = median([sample.seconds for sample in result.samples]) or 0.0
    once = ", one run" if len(result.samples) == 1 else ""
    return f"{{:.2f}} ×  ({seconds:.{1 if seconds >= 10 else 2}f} s{once})"


def _figure(heights: Sequence[int], title: str, columns: int = 1) -> Tuple[Any, Any]:
    """A panel below the other, each as high as its bars need."""
    inches = [_HEAD + _BAR * count + 0.35 for count in heights]
    figure, axes = pyplot.subplots(
        len(heights),
        columns,
        figsize=(_WIDTH, sum(inches) + _FOOT),
        height_ratios=inches,
        squeeze=False,
        layout=ConstrainedLayoutEngine(h_pad=0.12, w_pad=0.08),
    )
    figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold")
    return figure, axes if columns > 1 else axes[:, 0]


def saved(figure: Any, at: Dict[str, str], path: Path, legend: str = "bars: medians, lines: ranges") -> Path:
    """The same bytes for the same figure; with a line that says where it was measured."""
    where = f"{at['processor']}, {at['cpus']} CPUs, {at['system']} · {at['date']} · commit {at['commit']}"
    figure.supxlabel(f"{legend} · {where}", x=0.012, ha="left", fontsize=7.5, color=FAINT)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    return path


def _grouped(results: Sequence[Result], key: Callable[[Result], str]) -> Dict[str, List[Result]]:
    groups: Dict[str, List[Result]] = {}
    for one in results:
        groups.setdefault(key(one), []).append(one)
    return groups


def main() -> None:
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    *files, folder = map(Path, sys.argv[1:])
    for path in draw(Document.joined([Document.read(file) for file in files]), folder):
        print(path)


if __name__ == "__main__":
    main()
