"""Real engines with roots and sockets of their own: load an archive, say what was loaded, run it.

Each keeps away from the machine's own engines: state, sockets and images are below a temporary directory. Containers
get no network.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, Protocol, Tuple

from .process import daemon, run, workspace
from .require import require

_CONTAINERD_SETTINGS = """\
version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{directory}/containerd.sock"
"""


class Engine(Protocol):
    """What all engines have in common. `archive` is a file, `reference` an image's full name."""

    @property
    def name(self) -> str: ...

    def load(self, archive: Path) -> None: ...

    def identity(self, reference: str) -> str:
        """The digest under which this engine keeps the image: its config's, or its manifest's in containerd."""
        ...

    def run(self, reference: str) -> str:
        """What a container of the image, with the image's own settings, prints."""
        ...

    def remove(self, reference: str) -> None: ...


@dataclass(frozen=True)
class Docker:
    """A dockerd at `socket`."""

    socket: Path
    name: str = "docker"

    def load(self, archive: Path) -> None:
        self._docker("load", "--input", str(archive))

    def identity(self, reference: str) -> str:
        return self.inspect(reference, "{{.Id}}")

    def inspect(self, reference: str, form: str) -> str:
        return self._docker("image", "inspect", "--format", form, reference).strip()

    def run(self, reference: str) -> str:
        return self._docker("run", "--rm", "--network=none", reference)

    def remove(self, reference: str) -> None:
        self._docker("image", "rm", reference)

    def _docker(self, *argv: str) -> str:
        return run(require("docker"), "--host", f"unix://{self.socket}", *argv)


@dataclass(frozen=True)
class Podman:
    """No daemon: a storage of its own below `directory`."""

    directory: Path
    name: str = "podman"

    def load(self, archive: Path) -> None:
        self._podman("load", "--input", str(archive))

    def identity(self, reference: str) -> str:
        return "sha256:" + self.inspect(reference, "{{.Id}}")

    def inspect(self, reference: str, form: str) -> str:
        return self._podman("image", "inspect", "--format", form, reference).strip()

    def run(self, reference: str) -> str:
        # Podman would raise the limits to its own defaults, which not every root may do.
        limits = [f"--ulimit={name}=1024:1024" for name in ("nofile", "nproc")]
        return self._podman("run", "--rm", "--network=none", "--pull=never", *limits, reference)

    def remove(self, reference: str) -> None:
        self._podman("image", "rm", reference)

    def _podman(self, *argv: str) -> str:
        places = {"root": "root", "runroot": "run", "tmpdir": "tmp"}
        options = [part for option, name in places.items() for part in (f"--{option}", str(self.directory / name))]
        options += ["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]
        options += ["--runtime", require("runc")]  # crun refuses hosts with both versions of cgroups
        return run(require("podman"), *options, *argv, env={"TMPDIR": str(self.directory)})


@dataclass(frozen=True)
class Containerd:
    """A containerd at `socket`, seen through `ctr` in one namespace."""

    socket: Path
    name: str = "containerd"

    def load(self, archive: Path) -> None:
        self._ctr("images", "import", str(archive))

    def identity(self, reference: str) -> str:
        lines = [line.split() for line in self._ctr("images", "list").splitlines()[1:]]
        return next(digest for name, _, digest, *_ in lines if name == reference)

    def run(self, reference: str) -> str:
        return self._ctr("run", "--rm", reference, "ferry-test")

    def remove(self, reference: str) -> None:
        self._ctr("images", "remove", "--sync", reference)

    def _ctr(self, *argv: str) -> str:
        # Not "default": runc keeps containers by namespace in one place for the whole machine.
        namespace = self.socket.parent.name
        return run(require("ctr"), "--address", str(self.socket), "--namespace", namespace, *argv)


@contextlib.contextmanager
def containerd() -> Iterator[Containerd]:
    """A running containerd."""
    program = require("containerd")
    require("runc")
    with workspace("ctrd") as directory:
        settings = directory / "config.toml"
        settings.write_text(_CONTAINERD_SETTINGS.format(directory=directory))
        engine = Containerd(directory / "containerd.sock")
        with daemon([program, "--config", str(settings)], directory / "log") as server:
            answers = [require("ctr"), "--address", str(engine.socket), "version"]
            server.wait_until(lambda: _succeeds(*answers), "containerd")
            yield engine


@contextlib.contextmanager
def dockerd(under: Containerd) -> Iterator[Docker]:
    """A running dockerd on that containerd, without bridge and firewall rules."""
    program = require("dockerd")
    with workspace("docker") as directory:
        (directory / "daemon.json").write_text("{}")
        engine = Docker(directory / "docker.sock")
        argv = [
            program,
            *("--config-file", str(directory / "daemon.json")),
            *("--containerd", str(under.socket)),
            *("--containerd-namespace", directory.name),
            *("--containerd-plugins-namespace", f"{directory.name}-plugins"),
            *("--data-root", str(directory / "data")),
            *("--exec-root", str(directory / "exec")),
            *("--pidfile", str(directory / "pid")),
            *("--host", f"unix://{engine.socket}"),
            *("--bridge=none", "--iptables=false", "--ip6tables=false"),
        ]
        with daemon(argv, directory / "log", env={"TMPDIR": str(directory)}) as server:
            answers = [require("docker"), "--host", f"unix://{engine.socket}", "version"]
            server.wait_until(lambda: _succeeds(*answers), "dockerd")
            yield engine


@contextlib.contextmanager
def podman() -> Iterator[Podman]:
    require("podman")
    with workspace("podman") as directory:
        yield Podman(directory)


@dataclass(frozen=True)
class Skopeo:
    """Reads archives and layouts: `where` is `docker-archive:FILE`, `oci-archive:FILE` or `oci:DIRECTORY`."""

    program: str

    def manifest(self, where: str) -> bytes:
        """The manifest's raw bytes. Docker archives have none: skopeo makes one up."""
        return run(self.program, "inspect", "--raw", where).encode()

    def config(self, where: str) -> Dict[str, object]:
        found: Dict[str, object] = json.loads(run(self.program, "inspect", "--config", where))
        return found

    def copied(self, where: str, directory: Path) -> Tuple[str, ...]:
        """Copies, which checks every layer against its digest: the names of the blobs in `directory`."""
        run(self.program, "--insecure-policy", "copy", "--quiet", where, f"dir:{directory}")
        return tuple(sorted(path.name for path in directory.iterdir() if len(path.name) == 64))


def _succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0
