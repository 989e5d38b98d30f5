"""The documents' pages as they stand in the source: which there are, in which language, and the commands in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Dict, Iterator, List

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ENGLISH_ALONE = {"design.md", "performance.md", "reliability.md"}
"""For who works on dockferry, measured or generated: a Chinese reader gets them in English."""
_FENCE = re.compile(r"^ *```(\w+)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(
    r"(?:^\s*|[|;] |&& |\$ |> |\$\(|- |run: |until |python3? |\w+=\S+ )"  # what may stand before a command
    r"(?:[^\s()\"]*[/\\])?dockferry(?:\.exe|\.pyz)? ((?:\"[^\"]*\"|[^#|&;<>)])*)"
)
_TYPED = ("bash", "sh", "console", "powershell", "bat", "yaml")


def pages() -> List[Path]:
    return sorted(DOCS.glob("*.md"))


def chinese(page: Path) -> Path:
    """The same page in Chinese."""
    return page.with_name(f"{page.stem}.zh.md")


def english_pages() -> List[Path]:
    return [page for page in pages() if not page.name.endswith(".zh.md")]


def documents() -> Dict[str, str]:
    """All that people read, by its path from the root: the pages and both READMEs."""
    paths = [*pages(), ROOT / "README.md", ROOT / "README.zh-CN.md"]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


def blocks(text: str, *kinds: str) -> Iterator[str]:
    """The fenced blocks of these kinds."""
    for kind, body in _FENCE.findall(text):
        if kind in kinds:
            yield body


def commands(text: str) -> Iterator[List[str]]:
    """The words after `dockferry` (or `dockferry.exe`, `dockferry.pyz`) where it is a command in the blocks."""
    for block in blocks(text, *_TYPED):
        for line in re.sub(r"[\\^`]\n\s*", " ", block).splitlines():
            for match in _COMMAND.finditer(line):
                yield _words(match[1])


def _words(typed: str) -> List[str]:
    """As a shell divides them; what is between the quotes of `"$(dockferry …)"` ends with the bracket."""
    try:
        return shlex.split(typed)
    except ValueError:
        return shlex.split(typed.replace('"', ""))
