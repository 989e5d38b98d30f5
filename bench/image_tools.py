"""Image tools: programs that fetch an image by its name. Each checks digests; what it leaves is said in its name."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from typing import List

from containerd import has_concurrent_fetch
from peer import Peer, Target

_AT_ONCE = "16"
_PODMAN_STATE = os.path.join(tempfile.gettempdir(), f"podman-{os.getpid()}")
"""Short: podman takes no longer name than 50 characters."""


def dockferry(name: str, *options: str) -> Peer:
    def command(target: Target) -> List[str]:
        image = target.image
        several = [f"registry.example/{image.repository}:{image.tag}", "-r", target.host]
        pull = [sys.executable, "-m", "dockferry", "pull", *(several if "," in target.host else [target.name])]
        out = ["-o", str(target.folder / "out.tar"), "--progress", "none"]
        return [*pull, *out, *target.trusting("--ca-cert"), *options]

    return Peer(name, sys.executable, command)


def _crane(target: Target) -> List[str]:
    insecure = [] if target.authority else ["--insecure"]
    return ["crane", "pull", *insecure, target.name, str(target.folder / "out.tar")]


def _skopeo(target: Target) -> List[str]:
    plain = [] if target.authority else ["--src-tls-verify=false"]
    skopeo = ["skopeo", "--tmpdir", str(target.folder)]  # by itself /var/tmp
    return [*skopeo, "copy", "--quiet", *plain, f"docker://{target.name}", f"oci-archive:{target.folder}/out.tar:x"]


def skopeo_with_retries(times: int) -> Peer:
    def command(target: Target) -> List[str]:
        return [*_skopeo(target), "--retry-times", str(times)]

    return Peer(f"skopeo copy --retry-times {times}", "skopeo", command, is_go=True)


def _regctl(target: Target) -> List[str]:
    plain = [] if target.authority else ["--host", f"reg={target.host},tls=disabled"]
    return ["regctl", *plain, "image", "export", target.name, str(target.folder / "out.tar")]


def _oras(target: Target) -> List[str]:
    plain = target.trusting("--from-ca-file") if target.authority else ["--from-plain-http"]
    into = f"{target.folder}/layout:x"
    return ["oras", "copy", "--no-tty", "--concurrency", _AT_ONCE, *plain, target.name, "--to-oci-layout", into]


def _podman_store(target: Target) -> List[str]:
    return ["podman", "--root", str(target.folder / "root"), "--runroot", _PODMAN_STATE]


def _podman(target: Target) -> List[str]:
    plain = [] if target.authority else ["--tls-verify=false"]
    return [*_podman_store(target), "pull", "--quiet", *plain, target.name]


def _podman_after(target: Target) -> List[str]:
    remove = shlex.join([*_podman_store(target), "rmi", "--all", "--force"])
    return ["sh", "-c", f"{remove}; rm -rf {shlex.quote(_PODMAN_STATE)}"]


def _docker(target: Target) -> List[str]:
    """Over TLS too: a host on loopback need not prove itself to the engine, so nothing is said of authorities."""
    return ["docker", "pull", "--quiet", target.name]


def _docker_after(target: Target) -> List[str]:
    return ["docker", "rmi", "--force", target.name]


def _ctr(target: Target) -> List[str]:
    """Into containerd's store of contents. Several connections for one layer need its transfer service: a pull.

    An option for the authority alone would not do: to a host on loopback it speaks no TLS unless a file says so.
    """
    plain = ["--plain-http"]
    if target.authority:
        told = target.folder / "hosts" / target.host / "hosts.toml"
        told.parent.mkdir(parents=True, exist_ok=True)
        host = f"https://{target.host}"
        told.write_text(f'server = "{host}"\n[host."{host}"]\nca = "{target.authority}"\n')
        plain = ["--hosts-dir", str(target.folder / "hosts")]
    fetch = ["images", "pull"] if has_concurrent_fetch() else ["content", "fetch"]
    return ["ctr", *fetch, *plain, target.name]


def _ctr_after(target: Target) -> List[str]:
    return ["ctr", "images", "rm", "--sync", target.name]


OURS = dockferry("dockferry")
CRANE = Peer("crane pull", "crane", _crane, is_go=True)
SKOPEO = Peer("skopeo copy oci-archive:", "skopeo", _skopeo, is_go=True)
REGCTL = Peer("regctl image export", "regctl", _regctl, is_go=True)
ORAS = Peer(f"oras copy --concurrency {_AT_ONCE} (a layout)", "oras", _oras)
PODMAN = Peer("podman pull (no archive)", "podman", _podman, counts=False, after=_podman_after, is_go=True)
DOCKER = Peer(
    "docker pull (no archive)", "docker", _docker, counts=False, after=_docker_after, asks=("docker", "info")
)
CTR = Peer(
    "ctr images pull (no archive)" if has_concurrent_fetch() else "ctr content fetch (no archive)",
    "ctr",
    _ctr,
    counts=False,
    after=_ctr_after,
    asks=("ctr", "version"),
)
