#!/usr/bin/env python3
"""Recordings: the real program on a real terminal, as pictures for the documents.

    python scripts/recordings.py [FOLDER] [--size MB]    # default: docs/pictures/terminal, an image of 24 MB

Two throttled registries on this machine have an image that is made on the spot; the program pulls it, is interrupted,
goes on, verifies and inspects, in each language; pyte reads what it writes. On Linux and macOS: Windows has no such
terminals.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence

from recorder import COLUMNS, Terminal
from terminal_svg import Frame, draw

from dockferry.demo.image import add_demo_image
from dockferry.errors import UsageError
from dockferry.serve import ImageStore, Running, serve

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = {"en": "", "zh_CN": ".zh"}
"""Each language, and what its pictures' names have behind them."""
_RATES = (600_000.0, 200_000.0)
"""What the two registries give each connection, bytes a second."""
_PORTS = (5000, 5001)


TITLES = {
    "pull": (
        "A pull from two mirrors: a moving line for each layer, and one for the whole",
        "从两个镜像源下载: 每层一行进度，最后一行是全局进度",
    ),
    "resume": (
        "A pull is interrupted by Ctrl-C at half; the same command goes on from there",
        "下载到一半按 Ctrl-C 中断，再执行同一条命令就接着下",
    ),
    "verify": ("An archive is verified, down to the unpacked layers", "校验归档文件，包括解压后的各层"),
    "inspect": ("What an archive holds", "查看归档文件的内容"),
    "error": (
        "Errors say what was wanted, what was got, and what to do",
        "出错时说明期望什么、实际是什么、该怎么办",
    ),
}
"""Each picture's name and what it shows, in LANGUAGES' order."""


class Stage(NamedTuple):
    """Where the scenes play: `size` is the image's in bytes, `folder` has what one scene leaves for the next."""

    mirrors: Sequence[Running]
    size: int
    folder: Path
    language: str

    def sent(self) -> int:
        """Bytes that the registries have sent so far."""
        return sum(mirror.sent for mirror in self.mirrors)

    def terminal(self) -> Terminal:
        return Terminal(self.folder, self.language)


def _pull(stage: Stage) -> List[Frame]:
    terminal = stage.terminal()
    hosts = ",".join(mirror.host for mirror in stage.mirrors)
    _expect(terminal.run(f"pull demo/app:1.0 -r {hosts} -t 6"), 0)
    return terminal.frames


def _resume(stage: Stage) -> List[Frame]:
    terminal, before = stage.terminal(), stage.sent()
    command = f"pull demo/app:1.0 -r {stage.mirrors[0].host} -t 5 -o again.tar"
    _expect(terminal.run(command, lambda: stage.sent() - before >= stage.size / 2), 130)
    _expect(terminal.run(command), 0)
    return terminal.frames


def _verify(stage: Stage) -> List[Frame]:
    return _still(stage, f"verify --deep {_archive(stage)}")


def _inspect(stage: Stage) -> List[Frame]:
    return _still(stage, f"inspect {_archive(stage)}")


def _error(stage: Stage) -> List[Frame]:
    terminal = stage.terminal()
    for command in (f"pull demo/app:9.9 -r {stage.mirrors[0].host}", "pull nginx:1.27 --treads 5"):
        code = terminal.run(command)
        terminal.type("echo $?")
        terminal.show(str(code))
    return terminal.frames[-1:]


def _still(stage: Stage, command: str) -> List[Frame]:
    terminal = stage.terminal()
    _expect(terminal.run(command), 0)
    return terminal.frames[-1:]


def _archive(stage: Stage) -> str:
    return next(stage.folder.glob("demo_app_1.0_*.tar")).name


SCENES: Dict[str, Callable[[Stage], List[Frame]]] = {
    "pull": _pull,
    "resume": _resume,
    "verify": _verify,
    "inspect": _inspect,
    "error": _error,
}


def _expect(code: int, wanted: int) -> None:
    if code != wanted:
        raise SystemExit(f"recordings: wanted the program to end with {wanted}, got {code}")


def _serve(store: ImageStore, rate: float, port: int, until: ExitStack) -> Running:
    """At `port`, which looks well in a picture, or at any other where that is taken."""
    try:
        return until.enter_context(serve(store, rate=rate, port=port))
    except UsageError:
        return until.enter_context(serve(store, rate=rate))


def main() -> None:
    words = argparse.ArgumentParser(description="Record the program on a terminal, as SVG pictures.")
    words.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pictures" / "terminal")
    words.add_argument("--size", type=float, default=24, help="the image's size in MB (default: 24)")
    given = words.parse_args()
    size = int(given.size * 1_000_000)
    given.folder.mkdir(parents=True, exist_ok=True)
    store = ImageStore()
    add_demo_image(store, "demo/app", "1.0", size)
    with ExitStack() as until:
        mirrors = [_serve(store, rate, port, until) for rate, port in zip(_RATES, _PORTS)]
        for place, (language, ending) in enumerate(LANGUAGES.items()):
            folder = Path(until.enter_context(tempfile.TemporaryDirectory()))
            stage = Stage(mirrors, size, folder, language)
            for name, play in SCENES.items():
                frames = play(stage)
                path = given.folder / f"{name}{ending}.svg"
                path.write_text(draw(TITLES[name][place], frames, COLUMNS), encoding="utf-8")
                print(f"{path}: {len(frames)} frames, {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
