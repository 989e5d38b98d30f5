"""The manual, section 5.1: each layer's 12 digits, percent and times, and the line about the whole."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Dict

from support.command import environment
from support.manual import FIVE, LANGUAGES, NAME, SCRIPT, Puller, short
from support.rude import RudeServer
from support.rude_registry import RudeRegistry
from support.terminal import run_in_terminal

CLOCK = r"\d\d:\d\d:\d\d"
WHOLE = re.compile(rf"\[Global\] ([0-5])/5 layers \| Elapsed: {CLOCK}")


def settings(home: Path, lang: str) -> Dict[str, str]:
    return {**environment(home), "TERM": "xterm-256color", "DOCKFERRY_LANG": lang}


@LANGUAGES
def test_a_terminal_shows_each_layer_and_the_whole(tmp_path: Path, lang: str) -> None:
    """Of each layer under way: 12 digits of its digest, percent, time taken and time left; below them the whole."""
    with RudeServer(RudeRegistry(FIVE, rate=120_000)) as server:
        drawn = run_in_terminal(
            [sys.executable, str(SCRIPT), NAME, "-r", server.url, "-t", "5"],
            columns=120,
            environment=settings(tmp_path, lang),
            directory=tmp_path,
        )
    assert drawn.code == 0, drawn.text
    left = {"en": "left", "zh_CN": "剩余"}[lang]
    for place in range(3):  # the largest three
        layer = re.compile(rf"{short(FIVE, place)}  .* +(\d+)%  .*  {CLOCK}  +{left} {CLOCK}")
        percents = [int(found[1]) for found in layer.finditer(drawn.text)]
        assert len(set(percents)) > 1
        assert percents == sorted(percents)
    layers = [int(found[1]) for found in WHOLE.finditer(drawn.text)]
    assert layers == sorted(layers)
    assert layers[-1] >= 3


@LANGUAGES
def test_lines_tell_the_whole_where_nothing_moves(tmp_path: Path, lang: str) -> None:
    """`[Global] 3/5 layers | Elapsed: 00:02:17`, in every language, now and then: in a pipe, and in the log."""
    puller = Puller(tmp_path)
    with RudeServer(RudeRegistry(FIVE, rate=18_000)) as server:
        done = puller.pull(server, "-t", "5", "--idle-timeout", "5", lang=lang)
    for lines in (done.stderr.splitlines(), puller.log):
        shown = [line for line in lines if line.startswith("[Global]")]
        assert shown
        assert all(WHOLE.match(line) for line in shown)
        assert all(re.search(rf"Remaining: ({CLOCK}|--:--:--)", line) for line in shown)
