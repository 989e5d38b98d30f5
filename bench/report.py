"""Report: one Markdown table of medians, with where and when it was measured."""

from __future__ import annotations

from typing import Dict, List, Optional

from measure import median
from result import Document, Result

HEAD = (
    "| scenario | tool | n | seconds (range) | × floor | × dockferry | CPU s/GiB | peak MB | written × size"
    " | requests | sent × size |\n|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)
_GIB = 1 << 30


def markdown(document: Document) -> str:
    """Circumstances, table and notes."""
    rows = [row(result) for result in document.results]
    how = " Runs interleaved, medians; ratios are medians of each round's own."
    lines = [where(document.circumstances) + how, "", HEAD, *rows, "", *(f"- {note}" for note in document.notes)]
    return "\n".join(lines)


def where(at: Dict[str, str]) -> str:
    """The circumstances, in sentences."""
    return (
        f"{at['date']}, commit {at['commit'] or 'unknown'}. {at['processor']}, {at['cpus']} CPUs, {at['memory']},"
        f" {at['system']}, Python {at['python']}, {at['openssl']}; files on {at['files']}; load average before"
        f" {at['load']}. Server and client share the CPUs, all on loopback."
    )


def row(result: Result) -> str:
    """A cell that has nothing to say is empty; a tool that could not be measured is named with the reason."""
    cells = _cells(result) if result.samples else ["0", result.missing, *[""] * 7]
    return f"| {result.scenario} | {result.tool}{result.said} | {' | '.join(cells)} |"


def _cells(result: Result) -> List[str]:
    samples, size = result.samples, result.size
    seconds = [sample.seconds for sample in samples]
    spread = f"{median(seconds):.2f} ({min(seconds):.2f}–{max(seconds):.2f})"
    cpu = memory = written = sent = ""
    if result.counts:
        memory = f"{max(sample.rss for sample in samples) / 1e6:.0f}"
        if size:
            cpu = _figure(median([sample.cpu * _GIB / size for sample in samples]))
            written = _figure(median([_over(sample.written, size) for sample in samples]), 3)
    if size:
        sent = _figure(median([_over(sample.sent, size) for sample in samples]), 3)
    requests = _figure(median([sample.requests for sample in samples]), 0)
    over = [_figure(result.to_floor), _figure(result.to_ours)]
    return [str(len(samples)), spread, *over, cpu, memory, written, requests, sent]


def _over(count: Optional[int], size: int) -> Optional[float]:
    return None if count is None else count / size


def _figure(value: Optional[float], digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}"
