"""Result: what one tool did in one scenario, run by run; and the whole of a benchmark as a JSON document."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from measure import Sample, median

Bounds = Tuple[Optional[float], ...]


@dataclass(frozen=True)
class Result:
    """`part` is the scenario's key on the command line, `scenario` says it in words. `said` goes behind the tool.

    `size`: bytes that were to be fetched, 0 where that has no meaning. `floors` and `ours`: for each sample the
    seconds of the same round that it is told over, None where there are none. `counts`: CPU, memory and bytes are the
    tool's own. `missing`: why there are no samples.
    """

    part: str
    scenario: str
    tool: str
    samples: Tuple[Sample, ...] = ()
    size: int = 0
    floors: Bounds = ()
    ours: Bounds = ()
    is_floor: bool = False
    counts: bool = True
    said: str = ""
    missing: str = ""

    def over(self, bounds: Bounds) -> List[float]:
        """The seconds of each sample over its bound, for those that have one."""
        return [sample.seconds / bound for sample, bound in zip(self.samples, bounds) if bound]

    @property
    def to_floor(self) -> Optional[float]:
        return median(self.over(self.floors))

    @property
    def to_ours(self) -> Optional[float]:
        return median(self.over(self.ours))


@dataclass(frozen=True)
class Document:
    """All results, with `circumstances` (machine, date, commit) as words and `notes` to read them by."""

    circumstances: Dict[str, str]
    results: Sequence[Result]
    notes: Sequence[str]

    @classmethod
    def joined(cls, documents: Sequence[Document]) -> Document:
        """The results of several runs; circumstances and notes are the first's."""
        results = [result for document in documents for result in document.results]
        return cls(documents[0].circumstances, results, documents[0].notes)

    def write(self, path: Path) -> None:
        """As JSON."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: Path) -> Document:
        """What `write` wrote. Raises OSError, and ValueError, KeyError or TypeError for anything else."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(found["circumstances"], [_result(one) for one in found["results"]], found["notes"])


def write_json(path: Path, found: Dict[str, Any]) -> None:
    """`found`, for people and programs to read."""
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _result(found: Dict[str, Any]) -> Result:
    samples = tuple(Sample(**one) for one in found["samples"])
    return Result(**{**found, "samples": samples, "floors": tuple(found["floors"]), "ours": tuple(found["ours"])})
