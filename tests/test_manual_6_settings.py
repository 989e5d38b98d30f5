"""The manual, section 6: its six numbers, each settled without a change of code: by flag, variable and file."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from support.black_hole import black_hole
from support.command import Command
from support.images import make_image
from support.manual import FIVE, NAME, Puller
from support.rude import RudeServer
from support.rude_registry import Ask, RudeRegistry

from dockferry.config.document import parse_document
from dockferry.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
MANUAL: Dict[str, Tuple[List[str], int]] = {
    "CONNECT_TIMEOUT": (["connect_timeout"], 600),
    "READ_TIMEOUT": (["idle_timeout", "first_byte_timeout"], 7200),
    "MAX_RETRIES": (["retries"], 20),
    "RETRY_BACKOFF_BASE": (["retry_base"], 5),
    "INIT_CHUNK_SIZE": (["piece_size"], 262144),
    "LARGE_FILE_THRESHOLD": (["share_from"], 524288000),
}
OURS = [(name, value) for names, value in MANUAL.values() for name in names]
LARGE = make_image([9_000_000], seed=61)
TWO = make_image([1_500_000, 1_400_000], seed=62)


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


@pytest.mark.parametrize(("name", "value"), OURS)
def test_each_can_be_settled_in_three_ways(dockferry: Command, tmp_path: Path, name: str, value: int) -> None:
    """With the manual's own number: in the file, by a variable, by a flag."""
    (tmp_path / "c.toml").write_text(f"{name} = {value}\n")
    variable = f"DOCKFERRY_{name.upper()}"
    assert f"{name} = {value} " in dockferry("config", "--config", "c.toml").stdout
    shown = dockferry("config", env={variable: str(value)}).stdout
    assert re.search(rf"^{name} = {value} +# {variable}$", shown, re.MULTILINE)
    flag = f"--{name.replace('_', '-')}"
    refused = dockferry("pull", "Nginx", flag, str(value))
    assert (refused.code, "image 'Nginx'" in refused.stderr) == (2, True)  # the flag was understood
    assert flag in dockferry("pull", "--help").stdout


def test_all_of_the_manuals_numbers_together(puller: Puller, tmp_path: Path) -> None:
    """A file with all of them, and a pull by it."""
    (tmp_path / "c.toml").write_text("".join(f"{name} = {value}\n" for name, value in OURS))
    with RudeServer(RudeRegistry(FIVE)) as server:
        done = puller(NAME, "-r", server.url, "--config", "c.toml")
    assert done.code == 0, done.stderr
    assert puller.is_whole()


@pytest.mark.parametrize("name", [*MANUAL, *(name.lower() for name in MANUAL if name != "CONNECT_TIMEOUT")])
def test_the_manuals_spellings_are_told_ours(name: str) -> None:
    """A file written after the manual, in large letters or small, is refused with the word that is meant."""
    ours, value = MANUAL[name.upper()]
    with pytest.raises(UsageError) as caught:
        parse_document(f"{name} = {value}", "c.toml")
    assert str(caught.value).endswith(f"did you mean {' and '.join(ours)}?")


@pytest.mark.parametrize("name", ["README.zh-CN.md"])
def test_the_readme_has_the_table(name: str) -> None:
    """Each of the manual's names, and ours beside it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for theirs, (ours, _) in MANUAL.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{theirs}"))
        assert all(f"`{one}`" in row for one in ours)


def test_connect_timeout_acts(dockferry: Command) -> None:
    """A host that takes no connection is given up after so long."""
    with black_hole() as host:
        began = time.monotonic()
        done = dockferry("pull", f"{host}/demo/app:1.0", "--connect-timeout", "0.5", "--retries", "1")
    assert done.code == 5
    assert 0.4 < time.monotonic() - began < 8


def test_the_read_timeouts_act(puller: Puller) -> None:
    """An answer that does not begin, and a body that falls silent, are asked for again so soon."""
    for place, words in enumerate((("--first-byte-timeout", "0.5"), ("--idle-timeout", "0.5"))):

        def fault(ask: Ask, place: int = place) -> None:
            if ask.number:
                ask.give()
                return
            ask.give(0.5 if place else 0.0) if place else None
            ask.wire.stall()

        (puller.directory / str(place)).mkdir()
        began = time.monotonic()
        with RudeServer(RudeRegistry(FIVE, fault)) as server:
            done = Puller(puller.directory / str(place))(NAME, "-r", server.url, "-t", "1", *words)
        assert done.code == 0, done.stderr
        assert 0.4 < time.monotonic() - began < 12
        assert "retry 1 " in done.stderr


def test_retries_act(puller: Puller) -> None:
    """So many tries in a row without a byte, then exit code 5."""
    registry = RudeRegistry(FIVE, lambda ask: ask.wire.reply(503))
    with RudeServer(registry) as server:
        done = puller(NAME, "-r", server.url, "-t", "1", "--retries", "3", "--retry-base", "0.1")
    assert done.code == 5
    assert len(registry.blobs) == 3


def test_the_base_acts(puller: Puller) -> None:
    """The third try comes after a wait from that, the fourth after twice as much."""
    registry = RudeRegistry(FIVE, lambda ask: ask.wire.reply(503))
    with RudeServer(registry) as server:
        puller(NAME, "-r", server.url, "-t", "1", "--retries", "4", "--retry-base", "1.2")
    at = [request.at for request in registry.blobs]
    assert 0.5 < at[2] - at[1] < 2.0
    assert 1.1 < at[3] - at[2] < 3.2


def pieces(puller: Puller, *words: str) -> List[int]:
    """Pull a layer of 9 MB over four connections: the lengths of the ranges that were asked for, in order."""
    registry = RudeRegistry(LARGE, rate=4e6)
    with RudeServer(registry) as server:
        done = puller(NAME, "-r", server.url, "-t", "4", "--force", *words)
    assert done.code == 0, done.stderr
    assert puller.is_whole(LARGE)
    Path(puller.directory / done.stdout.strip()).unlink()
    size = LARGE.layers[0].size
    return [end - start for start, end in (request.range or (0, size) for request in registry.blobs)]


def test_piece_size_acts(puller: Puller) -> None:
    """The first ranges of a shared layer are so long, by flag, by variable and in the file; small ones are many."""
    small = pieces(puller, "--piece-size", "256KiB")
    assert small[0] == 262_144
    large = pieces(puller, "--piece-size", "4500000")
    assert large[0] == 4_500_000
    usual = pieces(puller)
    assert usual[0] not in (small[0], large[0])
    assert len(small) > len(large)
    (puller.directory / "c.toml").write_text("piece_size = 262144\n")
    assert pieces(puller, "--config", "c.toml")[0] == 262_144


def shared(puller: Puller, *words: str) -> List[int]:
    """Pull two layers over six slow connections: how many requests there were for each."""
    registry = RudeRegistry(TWO, rate=6e5)
    with RudeServer(registry) as server:
        done = puller(NAME, "-r", server.url, "-t", "6", *words)
    assert done.code == 0, done.stderr
    assert puller.is_whole(TWO)
    (puller.directory / done.stdout.strip()).unlink()
    names = [request.target.rpartition("/")[2] for request in registry.blobs]
    return [names.count(str(layer.digest)) for layer in TWO.layers]


def test_share_from_acts(puller: Puller) -> None:
    """A layer that has less comes over one connection, as one range; one that has as much over several."""
    assert min(shared(puller)) > 1
    assert shared(puller, "--share-from", "500MB") == [1, 1]
    assert min(shared(puller, "--share-from", "1000000")) > 1
    between = shared(puller, "--share-from", str(TWO.layers[0].size))
    assert between[0] > 1
    assert between[1] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1", "--piece-size: wanted 65536 to 1073741824 bytes, such as 262144, 500MB or 256KiB, got '1'"),
        ("2GiB", "got '2GiB'"),
        ("1.5MB", "got '1.5MB'"),
        ("-1", "--piece-size"),
        ("much", "got 'much'"),
    ],
)
def test_what_is_no_size_is_refused(dockferry: Command, text: str, told: str) -> None:
    """With the bounds, and forms that are right."""
    done = dockferry("pull", "nginx", f"--piece-size={text}")
    assert done.code == 2
    assert told in done.stderr
