"""Columns on a terminal, where a Chinese character takes two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockferry.cli import cells


@pytest.mark.parametrize(
    ("text", "wide"), [("", 0), ("abc", 3), ("镜像", 4), ("剩余 00:01", 10), ("e\u0301", 1), ("，", 2)]
)
def test_width(text: str, wide: int) -> None:
    """Wide characters are two, marks that stand on others none."""
    assert cells.width(text) == wide


def test_columns_stand_under_each_other() -> None:
    """Both sides are filled by columns, not by characters."""
    assert cells.left("镜像:", 9) + "x" == "镜像:    x"
    assert cells.right("剩余", 6) == "  剩余"
    assert cells.cut("a镜像", 4) == "a镜"


def test_chinese_is_broken_anywhere_but_before_punctuation() -> None:
    """A word of letters is never broken, nor does a line begin with a comma."""
    text = "从这些镜像源下载，而不是从镜像自己的仓库: docker.1ms.run"
    lines = cells.wrap(text, 18)
    assert lines == ["从这些镜像源下载，", "而不是从镜像自己的", "仓库:", "docker.1ms.run"]


WIDE_AND_NOT = st.text(st.sampled_from("ab .,中文，（）-"), max_size=80)


@given(WIDE_AND_NOT, st.integers(8, 40))
def test_wrapping_loses_nothing(text: str, wide: int) -> None:
    """The same characters in the same order; a line is too long only where one word is."""
    lines = cells.wrap(text, wide)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        pieces = cells._pieces(line)
        assert cells.width(line) <= wide or len(pieces) == 1
