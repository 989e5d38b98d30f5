"""The bench for pulls from rude registries, and what they should bring."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Iterator, Tuple

import pytest
from support.certificates import make_authority
from support.pulls import IMAGE, NAME, Bench
from support.rude import RudeServer
from support.rude_registry import RudeRegistry

from dockferry import pull


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive's bytes, pulled undisturbed over one connection."""
    with RudeServer(RudeRegistry(IMAGE, rate=1e9)) as server:
        target = tmp_path_factory.mktemp("wanted") / "a.tar"
        return pull(NAME, mirrors=[server.url], threads=1, output=target).path.read_bytes()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tuple[ssl.SSLContext, str]:
    return make_authority(tmp_path_factory.mktemp("tls"), "127.0.0.1")
