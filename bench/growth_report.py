"""Growth report: the measured series as JSON, and as Markdown: what each amount costs, and the exponents between."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from exponents import COSTS, WORSE_WORDS, Series, between, fitted, verdict
from measure import Sample
from report import where
from result import write_json


@dataclass(frozen=True)
class Growth:
    """All series, and the circumstances (machine, date, commit)."""

    circumstances: Dict[str, str]
    series: Sequence[Series]

    def write(self, path: Path) -> None:
        """As JSON."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path) -> Growth:
        """What `write` wrote. Raises OSError, and ValueError, KeyError or TypeError for anything else."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            found["circumstances"],
            [
                Series(
                    one["name"],
                    [(amount, [Sample(**sample) for sample in samples]) for amount, samples in one["points"]],
                    [(amount, why) for amount, why in one["missing"]],
                    one["flat"],
                    one["like"],
                )
                for one in found["series"]
            ],
        )


def markdown(growth: Growth) -> str:
    """Circumstances, what each amount costs, and how that grows."""
    lines = [where(growth.circumstances), "", f"| what grows | amount | n | {' | '.join(COSTS)} |"]
    lines += ["|---|--:|--:|" + "--:|" * len(COSTS)]
    for series in growth.series:
        lines += _costs(series)
    lines += ["", "| what grows | cost | exponent from point to point | of what is added | verdict |"]
    lines += ["|---|---|---|--:|---|"]
    for series in growth.series:
        beside = next((one for one in growth.series if one.name == series.like), None)
        lines += [_growth(series, cost, beside) for cost in COSTS]
    lines += [
        "",
        "- Medians of runs. An exponent of 0 is flat, 1 linear, 2 quadratic. Of what is added: a line through the",
        "  logarithms, after the cost at the smallest amount was taken off; empty where too little is added to tell.",
        "- dd writes and syncs as many zeros: what grows there too is the machine's (memory that its host has not",
        "  given it yet, pages that have to be written before others can be).",
        "- Seconds are the client's and the server's, which share the CPUs; CPU and memory are the client's alone.",
    ]
    return "\n".join(lines)


def _costs(series: Series) -> List[str]:
    middles = {cost: dict(series.medians(cost)) for cost in COSTS}
    lines = []
    for amount, samples in series.points:
        cells = " | ".join(f"{middles[cost][amount]:.{0 if cost == 'peak MB' else 2}f}" for cost in COSTS)
        lines.append(f"| {series.name} | {amount:,} | {len(samples)} | {cells} |")
    return [*lines, *(f"| {series.name} | {amount:,} | 0 | {why} | | |" for amount, why in series.missing)]


def _growth(series: Series, cost: str, beside: Optional[Series]) -> str:
    points = series.medians(cost)
    found = verdict(series, cost)
    if beside is not None and found == verdict(beside, cost) == WORSE_WORDS:
        found += f"; {beside.name}: {', '.join(_figure(step) for step in between(beside.medians(cost)))}"
    steps = ", ".join(_figure(step) for step in between(points))
    return f"| {series.name} | {cost} | {steps} | {_figure(fitted(points))} | {found} |"


def _figure(value: Optional[float]) -> str:
    return "" if value is None else f"{value:.2f}"
