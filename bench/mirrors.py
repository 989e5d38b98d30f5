"""Mirrors: hosts that each give so much in all, however many connections ask; one may fall silent for ever.

Strategy: our own registry, its blobs sent from files over one line for each host. The line counts what was sent.
"""

from __future__ import annotations

import statistics
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from door import Counter, Door, Tally
from image import BenchImage

from dockferry.oci.descriptor import OCI_MANIFEST
from dockferry.serve import ImageStore, file_blob, serve

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.shared_rate import Line, over

_STEP = 128 * 1024
_BUFFER = 0.02
"""Seconds that a line makes up for: enough for a busy machine, too little to be a rate of its own."""


@dataclass(frozen=True)
class Mirror:
    """`rate` in bytes a second, of all its connections together; silent once it gave `silent_after` bytes."""

    rate: float
    silent_after: Optional[int] = None


class Mirrors:
    """`mirrors` of `image`, new ones for each run; what each tool made them send."""

    def __init__(self, image: BenchImage, mirrors: Sequence[Mirror]) -> None:
        self._image = image
        self._mirrors = mirrors
        self._sent: Dict[str, List[Tuple[int, ...]]] = {}

    @contextmanager
    def serving(self, tool: str) -> Iterator[Door]:
        """All of them, for one run of `tool`."""
        lines = [_line(mirror) for mirror in self._mirrors]
        counter = Counter()
        with ExitStack() as stack:
            hosts = [stack.enter_context(_shown(self._image, line, counter)) for line in lines]
            yield Door(",".join(hosts), tally=lambda: Tally(counter.requests, sum(line.sent for line in lines)))
        self._sent.setdefault(tool, []).append(tuple(line.sent for line in lines))

    def said(self, tool: str) -> str:
        """The bytes that were not needed and each mirror's share: medians and a range."""
        runs = self._sent[tool]
        size = sum(descriptor.size for descriptor, _ in self._image.blobs)
        twice = [sum(run) / size - 1 for run in runs]
        shares = [statistics.median(run[place] / sum(run) for run in runs) for place in range(len(self._mirrors))]
        return (
            f": {statistics.median(twice):.1%} fetched twice ({min(twice):.1%}–{max(twice):.1%}),"
            f" shares {' / '.join(f'{share:.1%}' for share in shares)}"
        )


def _line(mirror: Mirror) -> Line:
    line = Line(mirror.rate, _BUFFER)
    if mirror.silent_after is not None:
        line.stall_after(mirror.silent_after)
    return line


@contextmanager
def _shown(image: BenchImage, line: Line, counter: Counter) -> Iterator[str]:
    """`host:port` of a registry that has `image` behind `line`."""
    store = ImageStore()
    store.add_manifest(image.repository, image.manifest, OCI_MANIFEST, image.tag)
    for descriptor, path in image.blobs:
        store.add_blob(image.repository, descriptor.digest, over(line, file_blob(path, descriptor.size), _STEP))
    with serve(store, on_request=counter) as running:
        try:
            yield running.host
        finally:
            line.ending.set()
