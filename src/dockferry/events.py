"""What a pull tells while it runs: plain frozen values, given to one callback, rendered by presenters.

Sizes are bytes, times are seconds, speeds are bytes a second. `to_json` gives each event's line for
`--progress json`: its class name in snake case as `event`, then its fields.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Callable, Dict, Optional, Tuple


@dataclass(frozen=True)
class Event:
    """Base of all events."""

    def to_json(self) -> Dict[str, Any]:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        return {"event": name, **asdict(self)}


@dataclass(frozen=True)
class Resolved(Event):
    """The image is known: which digest, which platform, how much there is to fetch, and where it will be put."""

    image: str
    digest: str
    platform: str
    layers: int
    size: int
    source: str
    target: str


@dataclass(frozen=True)
class Resumed(Event):
    """An unfinished download was found: `had` of `size` bytes need not be fetched again."""

    had: int
    size: int


@dataclass(frozen=True)
class BlobProgress(Event):
    """One layer (or config) that is under way: `done` bytes on disk, `hashed` bytes proved, of `size`."""

    digest: str
    size: int
    done: int
    hashed: int
    speed: float
    elapsed: float
    remaining: Optional[float]


@dataclass(frozen=True)
class Progress(Event):
    """The whole: told at most ten times a second, by the main thread.

    `done` bytes on disk and `hashed` bytes proved of `size`; `received` is what came over the network in this run;
    `active` holds the blobs under way, in the manifest's order.
    """

    elapsed: float
    layers_done: int
    layers: int
    done: int
    hashed: int
    size: int
    received: int
    speed: float
    remaining: Optional[float]
    connections: int
    active: Tuple[BlobProgress, ...]


@dataclass(frozen=True)
class BlobDone(Event):
    """A blob is complete and hashes to its digest. `fetched`: by a pull; else it was there, and has been verified."""

    digest: str
    size: int
    fetched: bool = True


@dataclass(frozen=True)
class Retry(Event):
    """A request failed and will be made again: the `number`-th time without progress, after `wait` seconds."""

    digest: str
    number: int
    reason: str
    wait: float
    source: str


@dataclass(frozen=True)
class Warned(Event):
    """Something the user should know that stops nothing."""

    message: str


@dataclass(frozen=True)
class SourceReport(Event):
    """What one source did in this run: `share` of all that was `received`, `speed` on average while it was asked.

    `errors`: replies that failed, or were none; `stalls`: those that went silent; `wrong`: blobs that hashed wrong
    by its bytes; `banned`: it was not asked any more.
    """

    source: str
    received: int
    share: float
    speed: float
    errors: int
    stalls: int
    wrong: int
    banned: bool


@dataclass(frozen=True)
class Unpacking(Event):
    """All is fetched, and not yet unpacked: `layers_done` of `layers` are, and `done` of their `size` packed bytes.

    Told for forms with plain layers alone, at most ten times a second.
    """

    layers_done: int
    layers: int
    done: int
    size: int


@dataclass(frozen=True)
class Finished(Event):
    """The archive stands under its final name. `size` is its layers'; `received` came over the network in this run.

    `fresh` is False when the file was there already and nothing was fetched. `tree` is the path of the plain layers,
    empty where there are none.
    """

    image: str
    target: str
    digest: str
    size: int
    elapsed: float
    received: int
    speed: float
    source: str
    fresh: bool
    load: str
    tree: str = ""


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The callback of those who want no events."""
