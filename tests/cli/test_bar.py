"""The bar: its lines for every width, and what a real terminal shows of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.terminal import Drawn, run_in_terminal
from support.told import blob, progress

from dockferry.cli.presenters import bar_lines


def text(line: bar_lines.Line) -> str:
    return "".join(part for part, _ in line)


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 60),
    size=st.integers(0, 1 << 46),
    share=st.floats(0, 1),
    count=st.integers(0, 40),
)
def test_the_screen_always_fits(width: int, height: int, size: int, share: float, count: int) -> None:
    """No line is wider than the terminal, and there are never more lines than it has."""
    done = int(size * share)
    state = progress(done, size, active=tuple(blob(done, size) for _ in range(count)))
    lines = bar_lines.screen(state, width, height, bar_lines.UNICODE)
    assert all(len(text(line)) <= max(width, 18) for line in lines)
    assert len(lines) <= max(height - 1, 2)


def test_a_wide_line_has_everything() -> None:
    """The layer's 12 digits, bar, percent, amount, speed, elapsed and remaining."""
    shown = text(bar_lines.layer(blob(400_000_000, 1_000_000_000), 100, bar_lines.UNICODE))
    assert shown == (
        "a3ed95caeb02  ━━━━━━━━━━╸────────────────   40%    0.4 of 1.0 GB  8.31 MB/s  00:02:17  left 00:05:40"
    )


def test_a_narrow_line_keeps_the_layer_and_the_percent() -> None:
    """What matters most is left."""
    assert text(bar_lines.layer(blob(), 20, bar_lines.ASCII)) == "a3ed95caeb02   40%"
    assert text(bar_lines.layer(blob(), 30, bar_lines.ASCII)) == "a3ed95caeb02  ====------   40%"


def test_hashing_after_a_resume_is_seen() -> None:
    """A layer whose bytes are all there shows how much of it is proved."""
    shown = text(bar_lines.layer(blob(1000, 1000, hashed=250), 100, bar_lines.UNICODE))
    assert " 25%" in shown
    assert "checking" in shown


def test_the_line_about_the_whole_shrinks() -> None:
    """As the manual has it, layers and elapsed stay longest: in 80 columns only the speed goes."""
    state = progress(1_200_000_000, 4_100_000_000, layers_done=3, elapsed=137.0)
    assert (
        text(bar_lines.whole(state, 79))
        == "[Global] 3/5 layers | Elapsed: 00:02:17 | 1.2 of 4.1 GB | Remaining: 00:05:40"
    )
    assert text(bar_lines.whole(state, 70)) == "[Global] 3/5 layers | Elapsed: 00:02:17 | 29% | Remaining: 00:05:40"
    assert text(bar_lines.whole(state, 50)) == "[Global] 3/5 layers | Elapsed: 00:02:17 | 29%"
    assert text(bar_lines.whole(state, 25)) == "[Global] 3/5 layers | 29%"


SHOW = """
import sys
from support.told import blob, finished, progress, DIGEST
from dockferry.cli.parser import parse
from dockferry.cli.presenters.choose import presenters
from dockferry.errors import BodyError
from dockferry.events import BlobDone, Retry
args = parse(["pull", "x", *sys.argv[2:]])
with presenters(args, "pull x", sys.stderr) as on_event:
    on_event(progress(active=tuple(blob(digest=f"sha256:{n:064x}") for n in range(int(sys.argv[1])))))
    on_event(Retry(DIGEST, 3, "504 Gateway Timeout", 18.7, ""))
    on_event(BlobDone(DIGEST, 7))
    if int(sys.argv[1]) == 0:
        raise SystemExit(1)
    on_event(finished())
print("nginx_latest_amd64.tar")
"""


def show(layers: int, *words: str, columns: int = 100, rows: int = 30, **environment: str) -> Drawn:
    """A pull of so many layers as a terminal shows it."""
    plain: Dict[str, str] = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORTERM", "TTY_COMPATIBLE")
    }
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path: List[str] = [tests, *sys.path]
    plain.update({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(path), **environment})
    command = [sys.executable, "-c", SHOW, str(layers), *words]
    return run_in_terminal(command, columns=columns, rows=rows, environment=plain)


def test_without_rich_a_terminal_shows_lines_and_says_why(tmp_path: Path) -> None:
    """Who ran the manual's pip line has no rich: the download goes on, and what a bar needs is said."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("raise ImportError('not here')")
    drawn = show(3, PYTHONPATH=os.pathsep.join([str(tmp_path), str(Path(__file__).parents[1]), *sys.path]))
    assert drawn.code == 0
    assert "[INFO] plain lines in the place of a bar, for which pip install rich" in drawn.text
    assert "[WARNING] retry 3" in drawn.text


def test_a_terminal_shows_bars_notes_and_the_summary() -> None:
    """Layers, the whole, the retry above them, the summary and the path, in colour."""
    drawn = show(3)
    assert drawn.code == 0
    assert drawn.has_colour
    assert "000000000002  ━" not in drawn.text  # the digest's first 12 digits
    assert drawn.text.count("000000000000  ━━━━") >= 3
    assert "[Global] 0/5 layers" in drawn.text
    assert "[WARNING] retry 3 a3ed95caeb02" in drawn.text
    assert "load:    docker load -i nginx_latest_amd64.tar" in drawn.text
    assert drawn.text.endswith("nginx_latest_amd64.tar\n")
    assert drawn.raw.rindex("\x1b[?25h") > drawn.raw.rindex("\x1b[?25l")  # the cursor is shown again


def test_no_color_is_heeded() -> None:
    """NO_COLOR leaves the bars and takes the colours."""
    drawn = show(3, NO_COLOR="1")
    assert "━" in drawn.text
    assert not drawn.has_colour


def test_a_dumb_terminal_gets_plain_lines() -> None:
    """TERM=dumb cannot move a cursor: no escape at all."""
    drawn = show(3, TERM="dumb")
    assert "\x1b" not in drawn.raw
    assert "[WARNING] retry 3 a3ed95caeb02" in drawn.text


def test_an_ascii_terminal_gets_ascii_bars() -> None:
    """An old locale shows bars too."""
    drawn = show(3, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii")
    assert drawn.code == 0
    assert "===" in drawn.text
    assert drawn.raw.isascii()


def test_more_layers_than_rows_are_counted() -> None:
    """On a low terminal the rest is one line."""
    drawn = show(20, rows=8)
    assert "and 15 more" in drawn.text


@pytest.mark.parametrize("words", [["-q"], ["--progress", "none"], ["--progress", "json"], ["--progress", "plain"]])
def test_other_modes_draw_nothing_on_a_terminal(words: List[str]) -> None:
    """No cursor is moved but by the bar."""
    assert "\x1b" not in show(3, *words).raw


def test_a_failure_leaves_what_was_reached() -> None:
    """The bars go, the last state and the cursor stay."""
    drawn = show(0)
    assert drawn.code == 1
    assert drawn.text.rstrip().endswith("| Remaining: 00:05:40")
    assert drawn.raw.rindex("\x1b[?25h") > drawn.raw.rindex("\x1b[?25l")
