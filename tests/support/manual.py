"""The manual's own program, `docker_image_puller.py`, run as the manual runs it; and its log."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional

import pytest

from .command import Done, environment
from .images import MadeImage, make_image
from .rude import RudeServer

SCRIPT = Path(__file__).resolve().parents[2] / "docker_image_puller.py"
LANGUAGES = pytest.mark.parametrize("lang", ["en", "zh_CN"])
FIVE = make_image([400_000, 300_000, 200_000, 100_000, 50_000], seed=5)
"""An image of five layers, as in the manual's line about the whole."""
NAME = "registry.example:5000/demo/app:1.0"
ARCHIVE = "registry.example_5000_demo_app_1.0_amd64.tar"
QUICK = ("--retry-base", "0.2", "--retry-max", "0.5", "--first-byte-timeout", "3", "--idle-timeout", "0.4")


@dataclass(frozen=True)
class Puller:
    """Runs the script in `directory`, which is also the home, as a child of this Python."""

    directory: Path

    def __call__(self, *words: str, lang: str = "en", stdin: str = "", env: Optional[Dict[str, str]] = None) -> Done:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), *words],
            cwd=self.directory,
            env={**environment(self.directory), "DOCKFERRY_LANG": lang, **(env or {})},
            input=stdin.encode(),
            capture_output=True,
            timeout=100,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def pull(self, server: RudeServer, *words: str, lang: str = "en", code: int = 0, name: str = NAME) -> Done:
        """`IMAGE -r SERVER`, patient for moments only, which has to end with `code`."""
        done = self(name, "-r", server.url, *QUICK, *words, lang=lang)
        assert done.code == code, f"{done.code}:\n{done.stdout}{done.stderr}"
        return done

    @property
    def log(self) -> List[str]:
        """The lines of `docker_puller.log`, without their times."""
        text = (self.directory / "docker_puller.log").read_bytes().decode("utf-8")
        return [line[20:] for line in text.splitlines()]

    def is_whole(self, image: MadeImage = FIVE) -> bool:
        """Whether the archive stands here, and every layer of `image` in it, byte for byte; nothing unfinished."""
        found = [path for path in self.directory.iterdir() if ".tar" in path.name]
        if len(found) != 1 or found[0].suffix != ".tar":
            return False
        archive = found[0].read_bytes()
        return all(image.blobs[layer.digest] in archive for layer in image.layers)


def short(image: MadeImage, place: int = 0) -> str:
    """The first 12 digits of a layer's digest."""
    return image.layers[place].digest.hex[:12]
