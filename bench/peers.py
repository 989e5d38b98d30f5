"""Peers: how each tool is asked to fetch an image from registries on loopback into a folder.

A peer's `host` is `host:port` of one registry, or of several, joined by commas, for those who can use several.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Sequence, Tuple

from image import BenchImage

Command = Callable[[str, BenchImage, Path], List[str]]


@dataclass(frozen=True)
class Peer:
    """`command`: from host, image and folder to what is run. `counts`: CPU, memory and bytes are its own."""

    name: str
    program: str
    command: Command
    counts: bool = True
    after: Optional[Command] = None

    @property
    def missing(self) -> str:
        """Why it cannot be run; empty if it can."""
        if shutil.which(self.program) is None:
            return f"{self.program} is not installed"
        if self.program == "docker" and not docker_answers():
            return "docker has no running daemon"
        return ""


def docker_answers() -> bool:
    """Whether the docker on PATH has a running daemon."""
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


def dockferry(name: str, *options: str) -> Peer:
    def command(host: str, image: BenchImage, folder: Path) -> List[str]:
        where = [_name("registry.example", image), "-r", host] if "," in host else [_name(host, image)]
        pull = [sys.executable, "-m", "dockferry", "pull", *where, "-o", str(folder / "out.tar")]
        return [*pull, "--progress", "none", *options]

    return Peer(name, sys.executable, command)


def aria2c(name: str, *options: str) -> Peer:
    """The blobs alone, checked against their digests: aria2c knows nothing of images."""

    def command(host: str, image: BenchImage, folder: Path) -> List[str]:
        listing = folder / "urls"
        lines = []
        for descriptor, _ in image.blobs:
            digest = descriptor.digest
            places = "\t".join(_blob(one, image, str(digest)) for one in host.split(","))
            lines += [places, f"  out={digest.hex}", f"  checksum=sha-256={digest.hex}"]
        listing.write_text("\n".join(lines) + "\n")
        quiet = ["--quiet", "--no-conf", "--file-allocation=falloc", "--allow-overwrite=true"]
        return ["aria2c", *quiet, *options, "-i", str(listing), "-d", str(folder)]

    return Peer(name, "aria2c", command)


def _skopeo(host: str, image: BenchImage, folder: Path) -> List[str]:
    target = f"oci-archive:{folder / 'out.tar'}:x"
    return ["skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{_name(host, image)}", target]


def skopeo_with_retries(times: int) -> Peer:
    def command(host: str, image: BenchImage, folder: Path) -> List[str]:
        return [*_skopeo(host, image, folder), "--retry-times", str(times)]

    return Peer(f"skopeo copy --retry-times {times}", "skopeo", command)


def _crane(host: str, image: BenchImage, folder: Path) -> List[str]:
    return ["crane", "pull", "--insecure", _name(host, image), str(folder / "out.tar")]


def _podman(host: str, image: BenchImage, folder: Path) -> List[str]:
    store = ["--root", str(folder / "root"), "--runroot", str(folder / "run")]
    return ["podman", *store, "pull", "--quiet", "--tls-verify=false", _name(host, image)]


def _podman_after(host: str, image: BenchImage, folder: Path) -> List[str]:
    return ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run"), "rmi", "--all", "--force"]


def _docker(host: str, image: BenchImage, folder: Path) -> List[str]:
    return ["docker", "pull", "--quiet", _name(host, image)]


def _docker_after(host: str, image: BenchImage, folder: Path) -> List[str]:
    return ["docker", "rmi", "--force", _name(host, image)]


def curl_floor(host: str, image: BenchImage, folder: Path) -> List[str]:
    """All blobs over one connection into nothing."""
    command = ["curl", "-sSf", "--noproxy", "*"]
    for descriptor, _ in image.blobs:
        command += ["-o", "/dev/null", _blob(host, image, str(descriptor.digest))]
    return command


def curl_told(rates: Sequence[float]) -> Peer:
    """All blobs into nothing: of each, from each host the part that it will have given when the others are done."""

    def command(host: str, image: BenchImage, folder: Path) -> List[str]:
        told = ["curl", "--parallel", "--parallel-immediate"]
        for descriptor, _ in image.blobs:
            start = 0
            for place, (one, rate) in enumerate(zip(host.split(","), rates)):
                end = descriptor.size if place == len(rates) - 1 else start + int(descriptor.size * rate / sum(rates))
                told += ["-sSf", "--noproxy", "*", "-r", f"{start}-{end - 1}", "-o", "/dev/null"]
                told += [_blob(one, image, str(descriptor.digest)), "--next"]
                start = end
        return told[:-1]

    return Peer("curl to /dev/null, told the shares", "curl", command)


def openssl_floor(host: str, image: BenchImage, folder: Path) -> List[str]:
    """All blobs hashed, from files that the cache holds."""
    return ["openssl", "dgst", "-sha256", *(str(path) for _, path in image.blobs)]


OURS = dockferry("dockferry")
# Sixteen connections at once in either case: one for each layer, or all for the only one.
ARIA2C_MANY = aria2c("aria2c -j16", "-j16", "-x1", "-s1")
ARIA2C_ONE = aria2c("aria2c -x16 -s16", "-j1", "-x16", "-s16", "-k1M")
# A silent connection is given up as soon as ours does; by itself aria2c waits a minute.
ARIA2C_SOON = aria2c("aria2c -x16 -s16 -t5", "-j1", "-x16", "-s16", "-k1M", "-t5")
SINGLE_STREAMS: Tuple[Peer, ...] = (
    Peer("crane pull", "crane", _crane),
    Peer("skopeo copy oci-archive:", "skopeo", _skopeo),
    Peer("podman pull (no archive)", "podman", _podman, counts=False, after=_podman_after),
    Peer("docker pull (no archive)", "docker", _docker, counts=False, after=_docker_after),
)
FLOORS: Tuple[Peer, ...] = (
    Peer("floor: curl to /dev/null", "curl", curl_floor),
    Peer("floor: openssl dgst -sha256", "openssl", openssl_floor),
)


def _name(host: str, image: BenchImage) -> str:
    return f"{host}/{image.repository}:{image.tag}"


def _blob(host: str, image: BenchImage, digest: str) -> str:
    return f"http://{host}/v2/{image.repository}/blobs/{digest}"
