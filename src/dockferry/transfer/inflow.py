"""Inflow: how the bytes of one connection come in, and whether they are a *flood*: more than is taken here. Pure.

Strategy: a flood's bytes wait in the system: one receive after another fills a buffer to the brim, and none is waited
for. Bursts fill buffers too; but they are waited for in between, and another connection would bring bytes meanwhile.
"""

from __future__ import annotations

from typing import Optional

_FLOOD, _FULL_MOST = 4, 8
"""Buffers: so many more full ones than others, for one comes after each pause of this machine's; the most counted."""
_SHORT = 0.005
"""Seconds: copying takes as long, and the turns of other threads."""
_SPAN = 0.5
"""Seconds over which longer waits fade."""
_WAITED_MOST = 0.2 * _SPAN
"""Seconds of them: what is waited for a fifth of the time is no flood."""
_SILENT = 0.25
"""Seconds: what gave nothing for so long is no flood, nor what was to be like one and has not begun."""


class Inflow:
    """Times in seconds, of one clock. The connection's own thread tells, without the lock; others may ask.

    While it does something else than wait for bytes (it writes, hashes, or is held back) nothing is silent.
    """

    __slots__ = ("_came_at", "_full", "_waited", "_waits_since")

    def __init__(self, now: float) -> None:
        self._full = 0
        self._waited = 0.0
        self._came_at = now
        self._waits_since: Optional[float] = now

    def heir(self, now: float) -> Inflow:
        """That of the next connection to the same blob, which is taken to be like this one until it has begun."""
        heir = Inflow(now)
        heir._full, heir._waited, heir._came_at = self._full, self._waited, self._came_at
        return heir

    def waits(self, now: float) -> None:
        """The next buffer is waited for."""
        self._waits_since = now

    def came(self, is_at_once: bool, now: float) -> None:
        """It came, `is_at_once` to the brim by one receive."""
        self._full = min(self._full + 1, _FULL_MOST) if is_at_once else max(self._full - 1, 0)
        waited = 0.0 if self._waits_since is None else now - self._waits_since
        self._waited *= max(0.0, 1.0 - (now - self._came_at) / _SPAN)
        self._waited += waited if waited > _SHORT else 0.0
        self._came_at, self._waits_since = now, None

    def is_flood(self, now: float) -> bool:
        """Whether it brings more than is taken from it: it is this machine that is slower, and not the network."""
        since = self._waits_since
        is_silent = since is not None and now - since > _SILENT
        return self._full >= _FLOOD and self._waited < _WAITED_MOST and not is_silent
