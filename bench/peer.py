"""Peer: a tool, and how it is asked to fetch an image from registries on loopback into a folder."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from image import BenchImage


@dataclass(frozen=True)
class Target:
    """`host` is `host:port` of one registry, or of several, joined by commas, for those who can use several.

    `authority` is the PEM file of who signed the registry's certificate, None where it speaks plain HTTP.
    """

    host: str
    image: BenchImage
    folder: Path
    authority: Optional[Path] = None

    @property
    def hosts(self) -> List[str]:
        return self.host.split(",")

    @property
    def name(self) -> str:
        return f"{self.host}/{self.image.repository}:{self.image.tag}"

    @property
    def urls(self) -> List[str]:
        """Of the blobs, at the only host."""
        return [self.url(self.host, str(descriptor.digest)) for descriptor, _ in self.image.blobs]

    def url(self, host: str, digest: str) -> str:
        scheme = "https" if self.authority else "http"
        return f"{scheme}://{host}/v2/{self.image.repository}/blobs/{digest}"

    def trusting(self, option: str) -> List[str]:
        """`option` with the authority's file, nothing where there is none."""
        return [option, str(self.authority)] if self.authority else []


Command = Callable[[Target], List[str]]


@dataclass(frozen=True)
class Peer:
    """`command`: from a target to what is run. `counts`: CPU, memory and bytes are its own, not a daemon's.

    `after` is run, unmeasured, when it has ended. `asks` is a command that succeeds where the tool's daemon runs.
    `is_go`: no option of it names an authority, but Go's library reads them from a file.
    """

    name: str
    program: str
    command: Command
    counts: bool = True
    after: Optional[Command] = None
    asks: Sequence[str] = ()
    is_go: bool = False

    def environ(self, target: Target) -> Dict[str, str]:
        """What it needs besides its options."""
        return {"SSL_CERT_FILE": str(target.authority)} if target.authority and self.is_go else {}

    @property
    def missing(self) -> str:
        """Why it cannot be run; empty if it can."""
        if shutil.which(self.program) is None:
            return f"{self.program} is not installed"
        if self.asks and not succeeds(*self.asks):
            return f"{self.program} has no running daemon"
        return ""


def succeeds(*command: str) -> bool:
    """Whether `command` ends well within half a minute."""
    try:
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
