"""Presenters that write lines: plain, JSON, summary, log file; and which of them a command gets."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import List

import pytest
from support.terminal import run_in_terminal
from support.told import DIGEST, finished, progress, reports

from dockferry.cli.parser import parse
from dockferry.cli.presenters import Lines, Several, fit
from dockferry.cli.presenters.choose import presenters
from dockferry.cli.presenters.jsonl import JsonLines
from dockferry.cli.presenters.logfile import LogFile
from dockferry.cli.presenters.plain import Notes, Plain
from dockferry.cli.presenters.summary import summary
from dockferry.errors import ContentError, DiskError
from dockferry.events import BlobDone, Retry, Unpacking, Warned


class Clock:
    """Stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_progress_comes_after_2_s_and_then_every_10() -> None:
    """Told ten times a second, it writes a line now and then."""
    clock, shown = Clock(), []
    lines: List[str] = []
    plain = Plain(lines.append, clock=clock)
    for tenth in range(400):
        clock.now = 100 + tenth / 10
        before = len(lines)
        plain(progress())
        if len(lines) > before:
            shown.append(tenth / 10)
    assert shown == [2.0, 12.0, 22.0, 32.0]


def test_a_finished_layer_shows_progress_at_once_but_at_most_once_a_second() -> None:
    """Twenty small layers in two seconds are no twenty lines."""
    clock, shown = Clock(), []
    lines: List[str] = []
    plain = Plain(lines.append, clock=clock)
    for tenth in range(20, 60):
        clock.now = 100 + tenth / 10
        before = len(lines)
        plain(progress(layers_done=min(tenth - 19, 21), layers=30))
        if len(lines) > before:
            shown.append(tenth / 10)
    assert shown == [2.0, 3.0, 4.0]
    assert lines[1].startswith("[Global] 11/30 layers")


def test_notes_are_told_at_once() -> None:
    """A retry in the first second is seen in the first second."""
    lines: List[str] = []
    plain = Plain(lines.append, clock=Clock())
    plain(Retry(DIGEST, 3, "504 Gateway Timeout", 18.7, ""))
    plain(BlobDone(DIGEST, 1))
    plain(finished())
    assert lines == [
        "[WARNING] retry 3 a3ed95caeb02 reason: 504 Gateway Timeout wait: 18.7s",
        "[INFO] sha256:a3ed95caeb02 complete",
    ]


def test_no_progress_still_warns() -> None:
    """`--progress none` leaves out how it goes, not what went wrong."""
    lines: List[str] = []
    notes = Notes(lines.append)
    for event in (progress(), BlobDone(DIGEST, 1), Warned("mirrors disagree")):
        notes(event)
    assert lines == ["[WARNING] mirrors disagree"]


def test_json_lines_are_objects_in_ascii() -> None:
    """One object a line, whatever stands in a name."""
    lines: List[str] = []
    present = JsonLines(lines.append)
    present(Warned("镜像\n\x1b[31m"))
    assert lines[0].isascii()
    assert lines[0].isprintable()
    assert json.loads(lines[0]) == {"event": "warned", "message": "镜像\n\x1b[31m"}


def test_the_summary_names_file_digest_size_time_speed_source_and_load() -> None:
    """All that is needed to go on."""
    assert summary(finished()) == [
        "image:   docker.io/library/nginx:latest",
        f"digest:  {DIGEST}",
        "file:    nginx_latest_amd64.tar",
        "size:    72.3 MB",
        "time:    00:00:12 for 72.3 MB, 6.03 MB/s on average",
        "source:  docker.1ms.run",
        "load:    docker load -i nginx_latest_amd64.tar",
    ]


def test_the_summary_says_when_nothing_was_fetched() -> None:
    """No speed is made up for a file that was there."""
    assert "fetched: nothing: the file was there already" in summary(finished(fresh=False))


def test_the_summary_has_a_line_for_each_of_several_sources() -> None:
    """Its bytes, share, speed and faults."""
    lines = summary(finished(), reports())
    place = lines.index("source:  a.example: 80 MB (80%) at 8 MB/s")
    assert lines[place + 1] == "         b.example: 20 MB (20%) at 2 MB/s, 2 errors, 1 stall, 1 wrong blob, banned"
    assert "source:  docker.1ms.run" in summary(finished(), reports()[:1])


def test_every_presenter_that_sums_up_tells_the_sources(tmp_path: Path) -> None:
    """On the terminal, in the log, and as JSON; for the next image it begins anew."""
    stream, path = io.StringIO(), tmp_path / "log"
    with presenters(parse(["pull", "x", "--progress", "none", "--log-file", str(path)]), "pull x", stream) as shown:
        for event in (*reports(), finished(), finished()):
            shown(event)
    for text in (stream.getvalue(), path.read_text("utf-8")):
        assert text.count("b.example: 20 MB (20%)") == 1
        assert text.count("source:  docker.1ms.run") == 1
    lines: List[str] = []
    JsonLines(lines.append)(reports()[1])
    told = json.loads(lines[0])
    assert (told["event"], told["source"], told["stalls"], told["banned"]) == ("source_report", "b.example", 1, True)


def test_a_path_is_shown_whole() -> None:
    """The load command can be copied: long paths and two spaces stay, escapes do not."""
    target = "'" + "d" * 400 + "/a  b\x1b.tar'"
    assert summary(finished(target=target))[-1] == f"load:    docker load -i '{'d' * 400}/a  b?.tar'"


def test_the_log_has_marks_and_times(tmp_path: Path) -> None:
    """What happened, when, and how it ended; a second run adds to the first."""
    path = tmp_path / "docker_puller.log"
    for _ in range(2):
        with LogFile(str(path), "pull\n nginx", clock=Clock(), now=lambda: 1741132800.0) as log:
            log(Retry(DIGEST, 3, "504 Gateway Timeout", 18.7, ""))
            log(finished())
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1741132800))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"{stamp} [INFO] pull nginx"
    assert lines[1] == f"{stamp} [WARNING] retry 3 a3ed95caeb02 reason: 504 Gateway Timeout wait: 18.7s"
    assert lines[2:9] == [f"{stamp} [INFO] {line}" for line in summary(finished())]
    assert len(lines) == 18


def test_the_log_holds_the_error(tmp_path: Path) -> None:
    """Under the manual's mark."""
    path = tmp_path / "log"
    with pytest.raises(ContentError), LogFile(str(path), "pull nginx"):
        raise ContentError("wanted sha256:a3ed95ca, got sha256:532ded5d", remedy="try another mirror")
    assert (
        path.read_text()
        .splitlines()[-1]
        .endswith("[ERROR] wanted sha256:a3ed95ca, got sha256:532ded5d; try another mirror")
    )


def test_the_log_calls_ctrl_c_no_error(tmp_path: Path) -> None:
    """Who reads it later looks for what went wrong."""
    path = tmp_path / "log"
    with pytest.raises(KeyboardInterrupt), LogFile(str(path), "pull nginx"):
        raise KeyboardInterrupt
    assert "[WARNING] interrupted; run the same command again" in path.read_text().splitlines()[-1]


def test_a_log_that_cannot_be_written_is_a_disk_error(tmp_path: Path) -> None:
    """Told before the download begins."""
    with pytest.raises(DiskError, match="cannot write the log"), LogFile(str(tmp_path), "pull nginx"):
        raise AssertionError("unreachable")


def test_a_stream_that_is_gone_stops_nothing() -> None:
    """A closed terminal makes a presenter silent."""
    stream = io.StringIO()
    stream.close()
    write = Lines(stream)
    write("lost")
    write("lost too")


def test_what_an_encoding_lacks_is_escaped() -> None:
    """An old terminal shows dots for the ellipsis and escapes for the rest."""
    assert fit("a… 镜", "ascii") == "a... \\u955c"
    assert fit("a… 镜", "utf-8") == "a… 镜"


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("", ["Plain", "Summary"]),
        ("--progress plain", ["Plain", "Summary"]),
        ("--progress bar", ["Plain", "Summary"]),
        ("--progress json", ["JsonLines"]),
        ("--progress none", ["Notes", "Summary"]),
        ("-q", []),
        ("-q --progress json", []),
        ("-q --log-file x.log", ["LogFile"]),
        ("--log-file x.log", ["LogFile", "Plain", "Summary"]),
    ],
)
def test_the_presenters_of_each_mode(words: str, kinds: List[str]) -> None:
    """For a stream that is no terminal; `test_bar.py` has the terminal."""
    chosen = presenters(parse(["pull", "x", *words.split()]), "pull x", io.StringIO())
    assert [type(part).__name__ for part in chosen.parts] == kinds


def test_several_give_the_quickest_tick() -> None:
    """Progress is told as often as the presenter wants it that wants it most."""
    assert Several([Notes(print), JsonLines(print)]).tick == JsonLines.tick


def test_unpacking_is_shown_now_and_then() -> None:
    """When all is fetched, and layers are still to be unpacked: as often as progress, in its own words."""
    clock, shown = Clock(), []
    lines: List[str] = []
    plain = Plain(lines.append, clock=clock)
    for tenth in range(250):
        clock.now = 100 + tenth / 10
        before = len(lines)
        plain(Unpacking(layers_done=3, layers=5, done=450, size=1000))
        if len(lines) > before:
            shown.append(tenth / 10)
    assert shown == [2.0, 12.0, 22.0]
    assert lines[0] == "[Global] 3/5 layers unpacked | 45%"


UNPACKING = """
import sys, time
from dockferry.cli.presenters.bar import Bar
from dockferry.events import Unpacking
with Bar(sys.stderr) as bar:
    for done in (450, 900):
        time.sleep(0.2)
        bar(Unpacking(layers_done=3, layers=5, done=done, size=1000))
"""


def test_the_bar_shows_unpacking_within_its_terminal() -> None:
    """One line that moves, cut where the terminal is narrow."""
    known = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", UNPACKING]
    wide = run_in_terminal(command, environment={**os.environ, **known})
    assert "[Global] 3/5 layers unpacked | 45%" in wide.text
    assert "[Global] 3/5 layers unpacked | 90%" in wide.text
    narrow = run_in_terminal(command, columns=20, environment={**os.environ, **known})
    assert "[Global] 3/5 layers" in narrow.text
    assert "unpacked" not in narrow.text


def test_the_summary_names_the_layers() -> None:
    """Beside the archive; of a tree alone the file is the tree, and nothing loads it."""
    lines = summary(replace(finished(), tree="nginx_layers"))
    assert lines[-2:] == ["layers:  nginx_layers", "load:    docker load -i nginx_latest_amd64.tar"]
    alone = summary(replace(finished(), target="nginx_layers", tree="nginx_layers", load=""))
    assert "file:    nginx_layers" in alone
    assert not [line for line in alone if line.startswith(("load", "layers"))]
