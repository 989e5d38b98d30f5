"""The command line as a user runs it: in a process of its own, with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Optional

_PERSONAL = ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")


@dataclass(frozen=True)
class Done:
    """How a run ended: its exit code and what it wrote."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class RawDone:
    """The same in bytes."""

    code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True)
class Command:
    """Runs `dockferry` in `directory`, which is also the home: no credentials, proxies or settings of ours get in.

    `files`: how many may be open at once, None for as many as usual. `timeout` in seconds.
    """

    directory: Path
    files: Optional[int] = None
    timeout: float = 100

    def __call__(self, *argv: str, stdin: str = "", env: Optional[Dict[str, str]] = None) -> Done:
        done = self.raw(*argv, stdin=stdin, env=env)
        return Done(done.code, done.stdout.decode(), done.stderr.decode())

    def raw(self, *argv: str, stdin: str = "", env: Optional[Dict[str, str]] = None) -> RawDone:
        """The same, with what was written in whatever encoding that is."""
        limit = [] if self.files is None else ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(self.files)]
        done = subprocess.run(
            [*limit, sys.executable, "-m", "dockferry", *argv],
            cwd=self.directory,
            env={**environment(self.directory), **(env or {})},
            input=stdin.encode(),
            capture_output=True,
            timeout=self.timeout,
            check=False,
        )
        return RawDone(done.returncode, done.stdout, done.stderr)

    def pull(self, reference: str, *options: str, stdin: str = "", env: Optional[Dict[str, str]] = None) -> Path:
        """A pull that must succeed, with the output chosen by us: the archive's path."""
        target = self.directory / f"pulled-{len(list(self.directory.iterdir()))}.tar"
        done = self("pull", reference, "-o", str(target), *options, stdin=stdin, env=env)
        assert done.code == 0, f"pull {reference} ended with {done.code}:\n{done.stdout}{done.stderr}"
        return target


def environment(home: Path) -> Dict[str, str]:
    """Ours, without proxies and personal settings, and with `home` as the home directory."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    source = str(Path(__file__).parents[2] / "src")
    path = os.pathsep.join(filter(None, [source, kept.get("PYTHONPATH")]))
    cleared = {
        name: value for name, value in kept.items() if name not in _PERSONAL and not name.startswith("DOCKFERRY_")
    }
    english = {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "PYTHONIOENCODING": "utf-8"}
    return {**cleared, **english, "HOME": str(home), "USERPROFILE": str(home), "PYTHONPATH": path}
