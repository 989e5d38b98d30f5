"""Fixtures for all tests: real registries and engines, started once and ended with the session."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Iterator

import pytest
from support import engines, registries, thorough
from support.command import Command
from support.images import MadeImage
from support.registries import Registry
from support.require import require
from support.runnable import make_runnable

thorough.load_profile()


@pytest.fixture(scope="session", autouse=True)
def _interrupts_are_heard() -> None:
    """A background job of a shell, and what nohup starts, ignores signals that its children would then ignore too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def _no_personal_settings() -> Iterator[None]:
    """What the developer has settled for dockferry is no part of any test: no file, no variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("DOCKFERRY_")]:
            patch.delenv(name)
        patch.setenv("DOCKFERRY_CONFIG", os.devnull)
        patch.setenv("DOCKFERRY_LANG", "en")
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_proxies() -> Iterator[None]:
    """The machine's own proxies are no part of any test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture
def dockferry(tmp_path: Path) -> Command:
    """The command line, at home in the test's directory."""
    return Command(tmp_path)


@pytest.fixture(scope="session")
def busybox() -> Path:
    return Path(require("busybox"))


@pytest.fixture(scope="session")
def runnable(busybox: Path) -> MadeImage:
    """A small image that really runs, in OCI's media types."""
    return make_runnable(busybox)


@pytest.fixture(scope="session")
def registry() -> Iterator[Registry]:
    """Open to all, over HTTP."""
    with registries.plain_registry() as running:
        yield running


@pytest.fixture(scope="session")
def other_registry() -> Iterator[Registry]:
    """A second one that is open to all: a mirror."""
    with registries.plain_registry() as running:
        yield running


@pytest.fixture(scope="session")
def registry_htpasswd() -> Iterator[Registry]:
    """Nothing without user and password."""
    with registries.htpasswd_registry() as running:
        yield running


@pytest.fixture
def registry_token() -> Iterator[Registry]:
    """With a token server, new for each test: a test changes its tokens' lifetime and reads its requests."""
    with registries.token_registry() as running:
        yield running


@pytest.fixture(scope="session")
def registry_tls() -> Iterator[Registry]:
    """Open to all, over HTTPS, its certificate from an authority that no system knows."""
    with registries.tls_registry() as running:
        yield running


@pytest.fixture(scope="session")
def containerd() -> Iterator[engines.Containerd]:
    with engines.containerd() as running:
        yield running


@pytest.fixture(scope="session")
def docker(containerd: engines.Containerd) -> Iterator[engines.Docker]:
    with engines.dockerd(containerd) as running:
        yield running


@pytest.fixture(scope="session")
def podman() -> Iterator[engines.Podman]:
    with engines.podman() as ready:
        yield ready


@pytest.fixture(scope="session")
def skopeo() -> engines.Skopeo:
    return engines.Skopeo(require("skopeo"))
