"""From a Range header to a part of a body."""

from __future__ import annotations

from typing import Optional, Tuple

import pytest

from dockferry.serve.ranges import Unsatisfiable, parse_range


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("Bytes=5-6 ", (5, 7)),
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", None),
        ("bytes=0 - 1", None),
        ("bytes=" + "9" * 30 + "-", None),
        ("bytes=١-٢", None),
        ("lines=0-1", None),
    ],
)
def test_single_ranges_or_the_whole(header: Optional[str], part: Optional[Tuple[int, int]]) -> None:
    """One range in bytes gives its part, cut at the body's end; what is not that gives the whole."""
    assert parse_range(header, 100) == part


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=100-", 100), ("bytes=200-300", 100), ("bytes=-0", 100), ("bytes=0-", 0)]
)
def test_ranges_without_a_byte(header: str, size: int) -> None:
    """A range of which the body has no byte is told apart from a malformed one: it is answered 416."""
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)
