"""Words for events: pure functions from events to lines, in the log marks of the manual."""

from __future__ import annotations

import re
from typing import List, Optional

from ...events import (
    BlobDone,
    BlobProgress,
    Event,
    Progress,
    Resolved,
    Resumed,
    Retry,
    SourceReport,
    Unpacking,
    Warned,
)
from ...message import Message
from ...text import human_size, redact
from ..language import say

_DIGEST = re.compile(r"\w+:([0-9a-f]{12})[0-9a-f]*", re.ASCII)
_UNITS = ("B", "kB", "MB", "GB", "TB")


_FAR = 100 * 3600
"""Seconds: right after an outage the speed is that of a few bytes."""


def clock(seconds: Optional[float]) -> str:
    """`00:02:17`; dashes where it is not known, or so far away that nobody can say."""
    if seconds is None or seconds >= _FAR:
        return "--:--:--"
    whole = int(seconds + 0.5)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def amount(done: int, size: int) -> str:
    """`1.2 of 4.1 GB`: both in the unit of the whole."""
    place, scale = 0, 1
    while size >= 999.5 * scale and place < len(_UNITS) - 1:
        place, scale = place + 1, scale * 1000
    digits = 0 if place == 0 or size >= 99.95 * scale else 1
    return say("{} of {} {}", f"{done / scale:.{digits}f}", f"{size / scale:.{digits}f}", _UNITS[place])


def speed(rate: float) -> str:
    """`8.31 MB/s`."""
    return f"{human_size(rate)}/s"


def percent(done: int, size: int) -> int:
    """Whole percents, rounded down: 100 only when all is there."""
    return 100 if done >= size else 100 * done // size


def short(name: str) -> str:
    """A digest's first 12 hexadecimal digits; any other name as it is."""
    match = _DIGEST.fullmatch(name)
    return match[1] if match else redact(name)


def as_typed(text: str) -> str:
    """A path or a command to be copied: whole, spaces kept, without what a terminal would act on."""
    return "".join(char if char.isprintable() else "?" for char in text)


def is_checking(state: Progress) -> bool:
    """Everything is on disk, and its hash is still on the way."""
    return state.done >= state.size > state.hashed


def is_blob_checking(blob: BlobProgress) -> bool:
    return blob.done >= blob.size > blob.hashed


def whole_parts(state: Progress) -> List[str]:
    """The parts of the line about the whole: layers, elapsed, amount, speed, remaining."""
    checking = say("checking {}%", percent(state.hashed, state.size))
    return [
        say("[Global] {}/{} layers", state.layers_done, state.layers),
        say("Elapsed: {}", clock(state.elapsed)),
        amount(state.done, state.size),
        checking if is_checking(state) else speed(state.speed),
        say("Remaining: {}", clock(state.remaining)),
    ]


def whole(state: Progress) -> str:
    return " | ".join(whole_parts(state))


def unpacking(state: Unpacking) -> str:
    done, layers = state.layers_done, state.layers
    return say("[Global] {}/{} layers unpacked | {}%", done, layers, percent(state.done, state.size))


def note(event: Event) -> Optional[str]:
    """The line for an event that is told once; None for one that has no line of its own."""
    if isinstance(event, Resolved):
        return say(
            "[INFO] {} {} {}: {} layers, {} from {} to {}",
            redact(event.image),
            event.platform,
            event.digest,
            event.layers,
            human_size(event.size),
            redact(event.source),
            as_typed(event.target),
        )
    if isinstance(event, Resumed):
        return say("[INFO] resuming: {} are here already", amount(event.had, event.size))
    if isinstance(event, BlobDone):
        digest = f"{event.digest.partition(':')[0]}:{short(event.digest)}"
        return say("[INFO] {} complete", digest) if event.fetched else say("[INFO] {} verified", digest)
    if isinstance(event, Retry):
        return _retry(event)
    if isinstance(event, Warned):
        return f"[WARNING] {redact(say(event.message))}"
    return None


def source(event: SourceReport) -> str:
    """What one source did: `m.example: 80 MB (80%) at 8.1 MB/s, 2 errors, 1 stall`."""
    got, rate = human_size(event.received), speed(event.speed)
    parts = [say("{}: {} ({:.0%}) at {}", redact(event.source), got, event.share, rate)]
    parts += counts(
        Message.counted("{} error", "{} errors", event.errors),
        Message.counted("{} stall", "{} stalls", event.stalls),
        Message.counted("{} wrong blob", "{} wrong blobs", event.wrong),
    )
    if event.banned:
        parts.append(say("banned"))
    return ", ".join(parts)


def counts(*counted: Message) -> List[str]:
    """Those of `counted` (made by `Message.counted`) that are not zero."""
    return [say(one) for one in counted if one.parts[0]]


def _retry(event: Retry) -> str:
    """The manual's form. What the reason says of layer and source, the line says already."""
    reason, what = say(event.reason), short(say(event.digest))
    blob = say("blob {}", what)
    for known in (f"{event.source}: ", f"{blob} "):
        reason = reason[len(known) :] if reason.startswith(known) else reason
    line = say("[WARNING] retry {} {} reason: {} wait: {:.1f}s", event.number, what, redact(reason), event.wait)
    return say("{} source: {}", line, redact(event.source)) if event.source else line
