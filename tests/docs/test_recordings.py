"""The pictures of the terminal show the real program: a script records them, and they say what the program says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Dict, List, NamedTuple
from xml.etree import ElementTree

import pytest
from support.pages import DOCS, ROOT, documents

SVG = "{http://www.w3.org/2000/svg}"
KEPT = DOCS / "pictures" / "terminal"
EXPECTED: Dict[str, List[str]] = {
    "pull.svg": [
        r"\$ dockferry pull demo/app:1\.0 -r 127\.0\.0\.1:\d+,127\.0\.0\.1:\d+ -t 6",
        r"[0-9a-f]{12} +[━╸─]+",
        r"\[Global\] \d/9 layers \| Elapsed: 00:00:\d\d",
        r"digest: +sha256:",
        r"load: +docker load -i",
    ],
    "pull.zh.svg": [
        r"[0-9a-f]{12} +[━╸─]+",
        r"\[Global\] \d/9 layers",
        r"剩余 ",
        r"摘要: +sha256:",
        r"导入: +docker load -i",
    ],
    "resume.svg": [
        r"dockferry: interrupted",
        r"run the same command again",
        r"\[INFO\] resuming: ",
        r"are here already",
        r"load: +docker load -i again\.tar",
    ],
    "resume.zh.svg": [
        r"dockferry: 已中断",
        r"再次运行同一条命令",
        r"\[INFO\] 继续下载: 已有 ",
        r"导入: +docker load -i again\.tar",
    ],
    "verify.svg": [r"\$ dockferry verify --deep demo_app_1\.0_\w+\.tar", r"good, \d+ blobs"],
    "verify.zh.svg": [r"完好，\d+ 个 blob"],
    "inspect.svg": [r"platform: +linux/", r"in 9 layers"],
    "inspect.zh.svg": [r"平台: +linux/", r"共 9 层"],
    "error.svg": [r"demo/app:9\.9", r"\$ echo \$\?", r"^3$", r"--threads", r"^2$"],
    "error.zh.svg": [r"demo/app:9\.9", r"^3$", r"--threads", r"^2$"],
}


class Placed(NamedTuple):
    """A run of characters as a picture places it: where it begins and ends, in columns."""

    text: str
    begin: float
    end: float


def frames(path: Path) -> List[List[List[Placed]]]:
    """A picture's frames, each in lines, each in runs."""
    root = ElementTree.parse(path).getroot()
    lines = {line.attrib["id"]: [placed(text) for text in line] for line in root.findall(f"{SVG}defs/{SVG}g")}
    film = root.findall(f"{SVG}svg/{SVG}g/{SVG}g")
    return [[lines[use.attrib["href"][1:]] for use in frame] for frame in film]


def placed(text: ElementTree.Element) -> Placed:
    """In columns of 8.4 units, the first of which begins at 14."""
    said, places = text.text or "", [float(place) for place in text.attrib["x"].split()]
    length = float(text.attrib.get("textLength", "0")) or places[-1] - places[0] + 2 * 8.4
    begin = (places[0] - 14) / 8.4
    return Placed(said, begin, begin + length / 8.4)


def written(line: List[Placed]) -> str:
    """A line as text, gaps as blanks."""
    said, column = "", 0.0
    for run in line:
        said += " " * round(run.begin - column) + run.text
        column = run.end
    return said


def whole(path: Path) -> str:
    return "\n".join(written(line) for frame in frames(path) for line in frame)


def cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recorded anew, of a smaller image."""
    folder = tmp_path_factory.mktemp("pictures")
    source = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/recordings.py", folder, "--size", "9"],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("name", sorted(EXPECTED))
@pytest.mark.parametrize("is_new", [False, True], ids=["kept", "made"])
def test_a_picture_shows_what_the_program_says(name: str, is_new: bool, made: Path) -> None:
    """The pictures in the documents, and those that the script makes now, of the program as it is now."""
    text = whole((made if is_new else KEPT) / name)
    for wanted in EXPECTED[name]:
        assert re.search(wanted, text, re.MULTILINE), f"{name} has no {wanted}:\n{text}"


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_columns_stand_straight(name: str) -> None:
    """Every run takes just the columns that a terminal gives it, wide characters two; none covers the next."""
    for frame in frames(KEPT / name):
        for line in frame:
            for run, after in zip(line, [*line[1:], Placed("", 97, 97)]):
                assert run.end - run.begin == pytest.approx(cells(run.text), abs=0.05)
                assert run.end <= after.begin + 0.05, written(line)


def test_a_bar_moves() -> None:
    """In both languages there are moments with several layers under way, and the whole grows."""
    for name in ("pull.svg", "pull.zh.svg"):
        shown = frames(KEPT / name)
        assert max(sum("━" in written(line) for line in frame) for frame in shown) >= 3
        done = [int(match) for match in re.findall(r"\[Global\] (\d)/9", whole(KEPT / name))]
        assert done == sorted(done)
        assert len(set(done)) >= 2


def test_pictures_are_small_and_all_are_shown() -> None:
    """Below 100 kB each; each stands in a document, those in Chinese in a Chinese one."""
    assert sorted(path.name for path in KEPT.iterdir()) == sorted(EXPECTED)
    told = documents()
    for path in KEPT.iterdir():
        assert path.stat().st_size < 100_000
        where = [name for name, text in told.items() if f"pictures/terminal/{path.name}" in text]
        assert where, f"{path.name} is shown nowhere"
        is_chinese = path.name.endswith(".zh.svg")
        assert all(name.endswith((".zh.md", "zh-CN.md")) is is_chinese for name in where), where
