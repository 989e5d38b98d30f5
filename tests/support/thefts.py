"""Thefts: ranges that were asked for within another connection's, as a slow one's rest is; and what came twice."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import DefaultDict, Dict, Iterable, List, Tuple

from dockferry.serve import Served
from dockferry.serve.ranges import parse_range

from .images import MadeImage


@dataclass(frozen=True)
class Sent:
    """What a registry has given of an image's layers: `extra`: bytes beyond their sizes.

    `thefts`: ranges asked for that begin within another; `shared`: bytes that both of such two were asked for.
    """

    extra: int
    thefts: int
    shared: int


def sent_of(requests: Iterable[Served], image: MadeImage) -> Sent:
    """By the word of the registry, which has ended: a reply that is still on its way is in no list."""
    sizes = {f"/v2/demo/app/blobs/{layer.digest}": layer.size for layer in image.layers}
    asked: DefaultDict[str, List[Tuple[int, int]]] = defaultdict(list)
    sent = 0
    for one in requests:
        if one.target in sizes:
            sent += one.sent
            size = sizes[one.target]
            asked[one.target].append(parse_range(one.range, size) or (0, size))
    common = [length for spans in asked.values() for length in _overlaps(sorted(spans))]
    return Sent(sent - sum(sizes.values()), len(common), sum(common))


def _overlaps(spans: List[Tuple[int, int]]) -> List[int]:
    """Of each two that overlap, by how many bytes; `spans` is sorted."""
    found = []
    for place, (_, end) in enumerate(spans):
        for start, other in spans[place + 1 :]:
            if start >= end:
                break
            found.append(min(end, other) - start)
    return found


def check_sent(requests: Iterable[Served], image: MadeImage, threads: int) -> Sent:
    """Each byte of the layers came once, exactly, where nothing was stolen.

    On a busy machine a connection may seem slow. Then a range or two of each is stolen and no more, and nothing
    comes twice that was not asked for twice; how much that may be is for `most_twice` to say.
    """
    sent = sent_of(requests, image)
    assert sent.thefts <= (2 * threads if threads > 1 else 0)
    assert sent.extra <= sent.shared
    assert sent.thefts or sent.extra == 0
    return sent


def twice(sent: Sent) -> Dict[str, float]:
    """Bytes that came twice, in all and for each theft."""
    return {"twice": sent.extra, "twice for a theft": sent.extra / max(1, sent.thefts)}


def most_twice(image: MadeImage) -> Dict[str, float]:
    """The bounds of that: what was on its way when the rest was stolen."""
    return {"twice": sum(layer.size for layer in image.layers) // 8, "twice for a theft": 1 << 20}
