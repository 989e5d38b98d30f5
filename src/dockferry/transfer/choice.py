"""The choice: which source a connection asks next. Pure: what is known of each comes in, an order goes out.

Strategy: fastest most. A source that has no connection gets one, to find out or to keep on. After that a connection
goes where its part would be largest: what the source gives in all, by one connection more. Where a host gives so much
in all, the connections settle in the proportion of the hosts; where each connection has its own limit, they go to the
host with the higher one. A source that is far slower than another is not worth a connection: `maybe_low` tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

FAR = 0.1
"""A source whose connections give less than this part of what another's give is left for a while."""


@dataclass(frozen=True)
class Standing:
    """One source by its number: open `connections`, bytes a second of each (`speed`) and in all (`total`).

    None where it is not known. `is_settled`: the numbers are old enough to judge by.
    """

    number: int
    connections: int
    speed: Optional[float] = None
    total: Optional[float] = None
    is_settled: bool = False


def order(standings: Sequence[Standing], connections: int) -> List[int]:
    """The sources that may be asked, best first; `connections` may be used in all."""
    has_enough = connections >= len(standings)
    is_any_known = any(one.total is not None for one in standings)

    def rank(one: Standing) -> Tuple[int, float, int]:
        if one.connections == 0 and (has_enough or one.total is None):
            return 0, 0.0, one.number
        if one.total is not None:
            return 1, -one.total / (one.connections + 1), one.number
        return (2 if is_any_known else 1), float(one.connections), one.number

    return [one.number for one in sorted(standings, key=rank)]


def maybe_low(standings: Sequence[Standing]) -> Optional[int]:
    """The source in use that gives its connections least, if that is far below what another one gives."""
    known = [(one.speed, one) for one in standings if one.is_settled and one.speed is not None]
    using = [(speed, one.number) for speed, one in known if one.connections]
    if not using:
        return None
    least, number = min(using)
    return number if least < FAR * max(speed for speed, _ in known) else None
