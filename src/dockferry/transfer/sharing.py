"""Sharing: how a layer is divided between connections, where the user has settled something of it. Pure."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Sharing(NamedTuple):
    """Sizes in bytes. `piece`: the least that is asked for at a time of a layer that several connections share (at
    least 64 KiB), None for what the engine takes; rests are cut smaller at the end. `least`: a layer that has less
    is brought by one connection at a time.
    """

    piece: Optional[int] = None
    least: int = 0
