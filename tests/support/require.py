"""The real programs that tests need: found, or said to be missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "busybox": "busybox-static",
    "containerd": "containerd",
    "ctr": "containerd",
    "docker": "docker.io or docker-cli",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "htpasswd": "apache2-utils",
    "ip": "iproute2",
    "nginx": "nginx-light",
    "podman": "podman",
    "runc": "runc",
    "skopeo": "skopeo",
    "strace": "strace",
    "tc": "iproute2",
}
"""Each program and the Debian package that brings it."""
_PRIVILEGED = ("containerd", "ctr", "docker", "dockerd", "podman")
# The distribution's own first: a newer client elsewhere on the PATH may refuse its engine.
_PATH = "/usr/bin:/usr/sbin:/bin:/sbin"
_CAP_SYS_ADMIN = 1 << 21


def require(name: str) -> str:
    """The path of the program `name`; without it the test is skipped, or fails where DOCKFERRY_REQUIRE_REAL=1."""
    if name in _PRIVILEGED and not _may_mount():
        unavailable(f"{name} needs root that may mount, and not in a chroot")
    path = shutil.which(name, path=_PATH) or shutil.which(name)
    if path is None:
        unavailable(f"{name} is missing: apt-get install {PACKAGES[name]}")
    if name == "busybox" and b"/ld-" in Path(path).read_bytes()[:4096]:
        unavailable(f"{path} needs shared libraries: apt-get install {PACKAGES[name]}")
    return path


def require_namespaces() -> None:
    """Without mounts of our own (a chroot, a container, a kernel that forbids them) the test is skipped, or fails."""
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True, check=False).returncode != 0:
        unavailable("unshare -Urm does not work here")


def unavailable(reason: str) -> NoReturn:
    """Skips, or fails where every real part must be there."""
    if os.environ.get("DOCKFERRY_REQUIRE_REAL") == "1":
        pytest.fail(f"{reason} (DOCKFERRY_REQUIRE_REAL=1)", pytrace=False)
    pytest.skip(reason)


def _may_mount() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    status = Path("/proc/self/status").read_text().splitlines()
    effective = next((line.split()[1] for line in status if line.startswith("CapEff:")), "0")
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    has_root = any(line.split()[4] == "/" for line in mounts)  # in a chroot what an engine mounts is refused
    return has_root and bool(int(effective, 16) & _CAP_SYS_ADMIN)
