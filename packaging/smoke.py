"""A first look at a program that was just built: `python packaging/smoke.py PROGRAM...`, the words that start it.

It says its version, helps in Chinese, and shows its demonstration, which needs no internet: a pull that is
interrupted, goes on, and is verified, by children that it starts of itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import List

import contents

_SECONDS = 120


def say(program: List[str], *words: str, directory: str) -> str:
    """What `program` says on standard output. Raises CalledProcessError where it fails, having shown why."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(  # noqa: S603 - what we built
        [*program, *words], cwd=directory, env=environment, stdout=subprocess.PIPE, timeout=_SECONDS, check=True
    )
    return done.stdout.decode("utf-8")


def check(program: List[str]) -> None:
    """Raises ValueError where it does not say what it has to."""
    with tempfile.TemporaryDirectory() as directory:
        for words, wanted in (
            (["--version"], f"{contents.NAME} {contents.version()}"),
            (["--lang", "zh", "pull", "--help"], "用法"),
            (["demo", "--size", "4MB", "--rate", "400kB", "-o", directory], "docker load -i"),
        ):
            said = say(program, *words, directory=directory)
            if wanted not in said:
                raise ValueError(f"{words}: wanted {wanted!r} in what it says, got {said!r}")


def main(words: List[str]) -> int:
    # The program is started in another directory than this one.
    program = [os.path.abspath(word) if os.path.exists(word) else word for word in words]
    try:
        check(program)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
