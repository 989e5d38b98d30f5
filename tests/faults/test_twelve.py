"""The twelve faults that other tools were tried with: every one ends in the archive, soon, for few bytes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support import faults
from support.images import MadeImage
from support.pulls import ACCESS, NAME, QUICK, Bench
from support.rude import RudeServer
from support.rude_registry import Ask, Fault, RudeRegistry
from support.twelve import TWELVE, twelve_image

from dockferry import pull

WASTEFUL = {"T5": 2.0, "T6": 4.0, "T8": 4.0}
"""Times the image's bytes where the server itself makes them needed: it gives no ranges, or wrong ones."""


@pytest.fixture(scope="module")
def image() -> MadeImage:
    return twelve_image()


@pytest.fixture(scope="module")
def archive(image: MadeImage, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What every pull should bring."""
    with RudeServer(RudeRegistry(image, rate=1e9)) as server:
        target: Path = tmp_path_factory.mktemp("twelve") / "a.tar"
        return pull(NAME, mirrors=[server.url], output=target).path.read_bytes()


@pytest.mark.row("T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12")
@pytest.mark.parametrize("key", TWELVE)
def test_each_of_the_twelve(bench: Bench, image: MadeImage, archive: bytes, key: str) -> None:
    """The same archive to the byte, within 15 s, for at most 1.3 times its bytes where the server wastes none."""
    played = TWELVE[key].begin(image, bench.serve)
    began = time.monotonic()
    target = bench.directory / "a.tar"
    result = pull(NAME, mirrors=[played.front.url], output=target, access=ACCESS, retry=QUICK)
    took = time.monotonic() - began
    assert result.path.read_bytes() == archive
    size = sum(layer.size for layer in image.layers)
    assert played.counting.sent <= WASTEFUL.get(key, 1.3) * size
    assert took < 15


@pytest.mark.row("T6", "T8")
@pytest.mark.parametrize("fault", [faults.ignored_and_cut, faults.refused_400])
def test_without_ranges_no_body_is_asked_for_needlessly(
    bench: Bench, image: MadeImage, archive: bytes, fault: Fault
) -> None:
    """What is cut has to come again from its first byte, whoever asks: 1.6 times the bytes on average. Not more."""
    whole = []

    def recorded(ask: Ask) -> None:
        is_body = not ask.request.range or fault is faults.ignored_and_cut
        if is_body and not ask.chance(0.5):  # as the fault has it
            whole.append(ask.data)
        fault(ask)

    server = bench.serve(RudeRegistry(image, recorded))
    assert bench.pull(server).path.read_bytes() == archive
    assert sorted(map(len, whole)) == sorted(layer.size for layer in image.layers)
