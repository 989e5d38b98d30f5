"""Report: one Markdown table of medians, with where and when it was measured."""

from __future__ import annotations

import datetime
import os
import platform
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence

from measure import Sample, median

HEAD = (
    "| scenario | tool | n | seconds (range) | × floor | × dockferry | CPU s/GiB | peak MB | written × size |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True)
class Row:
    """Already in words: a cell that has nothing to say is empty."""

    scenario: str
    tool: str
    cells: Sequence[str]

    def __str__(self) -> str:
        return f"| {self.scenario} | {self.tool} | {' | '.join(self.cells)} |"


def row(
    scenario: str,
    tool: str,
    samples: Sequence[Sample],
    *,
    size: int = 0,
    to_floor: Optional[float] = None,
    to_ours: Optional[float] = None,
    counts: bool = True,
) -> Row:
    """A row from the samples of one tool; `size` in bytes is what it fetched, 0 where that has no meaning."""
    seconds = [sample.seconds for sample in samples]
    spread = f"{median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"
    cpu = memory = written = ""
    if counts:
        memory = f"{max(sample.rss for sample in samples) / 1e6:.0f}"
        if size:
            cpu = _figure(median([sample.cpu * (1 << 30) / size for sample in samples]))
            amounts = [sample.written / size if sample.written is not None else None for sample in samples]
            written = _figure(median(amounts), 3)
    cells = [str(len(samples)), spread, _figure(to_floor), _figure(to_ours), cpu, memory, written]
    return Row(scenario, tool, cells)


def absent(scenario: str, tool: str, why: str) -> Row:
    """A tool that could not be measured is named with the reason."""
    return Row(scenario, tool, ["0", why, "", "", "", "", ""])


def document(rows: Sequence[Row], workdir: Path, notes: Sequence[str]) -> str:
    """Heading, circumstances, table and notes, in Markdown."""
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    where = (
        f"{today}. {_processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, {ssl.OPENSSL_VERSION}; files on {_file_system(workdir)}."
        " Server and client share the CPUs, all on loopback. Runs interleaved, medians; ratios are medians of each"
        " round's own."
    )
    lines: List[str] = [where, "", HEAD, *map(str, rows), "", *(f"- {note}" for note in notes)]
    return "\n".join(lines)


def _figure(value: Optional[float], digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def _file_system(path: Path) -> str:
    """The type of the file system that holds `path`."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "an unknown file system"
    inside = [(len(mount[1]), mount[2]) for mount in mounts if _holds(Path(mount[1]), path.resolve())]
    return max(inside, default=(0, "an unknown file system"))[1]


def _holds(mount: Path, path: Path) -> bool:
    return mount == path or mount in path.parents
