"""Exponents: how a cost grows from point to point: 0 is flat, 1 is linear. Pure."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from measure import Sample, median

WORSE = 1.1
"""An exponent above this, between two points that cost enough to be told from the start, is worse than linear."""
WORSE_WORDS = "worse than linear"
COSTS: Dict[str, Callable[[Sample], float]] = {
    "seconds": lambda sample: sample.seconds,
    "CPU seconds": lambda sample: sample.cpu,
    "peak MB": lambda sample: sample.rss / 1e6,
}


@dataclass(frozen=True)
class Series:
    """What grew, in words; for each amount of it the runs; `missing`: for an amount why there are none.

    `flat` names the costs that are promised not to grow with it. `like` is the name of a series that shows how the
    machine's own cost grows.
    """

    name: str
    points: Sequence[Tuple[int, Sequence[Sample]]]
    missing: Sequence[Tuple[int, str]] = ()
    flat: Sequence[str] = ()
    like: str = ""

    def medians(self, cost: str) -> List[Tuple[int, float]]:
        """Amount and median cost of each point."""
        found = [(amount, median([COSTS[cost](sample) for sample in samples])) for amount, samples in self.points]
        return [(amount, value) for amount, value in found if value is not None]


def between(points: Sequence[Tuple[int, float]]) -> List[Optional[float]]:
    """The exponent from each point to the next one; None where one of them is nothing."""
    return [
        math.log(later / earlier) / math.log(larger / smaller) if earlier > 0 and later > 0 else None
        for (smaller, earlier), (larger, later) in zip(points, points[1:])
    ]


def fitted(points: Sequence[Tuple[int, float]]) -> Optional[float]:
    """The exponent of what each unit adds, without what one run costs at least: a line through the logarithms.

    What stands at the smallest amount is taken off; None where fewer than two points are left above it.
    """
    if not points:
        return None
    least_amount, least = points[0]
    more = [(math.log(n - least_amount), math.log(cost - least)) for n, cost in points[1:] if cost > 1.2 * least]
    if len(more) < 2:
        return None
    across, up = (statistics.fmean(values) for values in zip(*more))
    return math.fsum((x - across) * (y - up) for x, y in more) / math.fsum((x - across) ** 2 for x, _ in more)


def verdict(series: Series, cost: str) -> str:
    """In words, by the exponents alone. A cost that is promised to be flat may grow by a tenth at most."""
    points = series.medians(cost)
    if len(points) < 2:
        return "not measured"
    if cost in series.flat:
        return "flat" if max(value for _, value in points) <= 1.1 * points[0][1] else "not flat"
    steps = [step for step in between(points) if step is not None]
    overall = fitted(points)
    if max(steps, default=0.0) > WORSE or (overall is not None and overall > WORSE):
        return WORSE_WORDS
    return "flat" if max(value for _, value in points) <= 1.1 * points[0][1] else "at most linear"
