"""A damaged journal or unfinished file: a sweep over where it is damaged, each run after it ending equal."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Dict, Iterator, List

import pytest
from support.sweeps import IMAGE, SIZE, again, argv, contents
from support.tracer import traced

from dockferry.events import Event
from dockferry.serve import Running
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.worker import BUFFER

JOURNAL, PART = "out.part.journal", "out.part"


@pytest.fixture(scope="module")
def killed(image_registry: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run was killed with most of the image there."""
    place = tmp_path_factory.mktemp("killed") / "0"
    place.mkdir()
    assert traced(place, argv(image_registry, "docker"), "write", "signal=KILL:when=7").is_killed
    return place


@pytest.fixture
def copies(killed: Path, tmp_path: Path) -> Iterator[Path]:
    """Copies of it, one after another."""

    def make() -> Iterator[Path]:
        for number in range(10_000):
            place = tmp_path / str(number)
            place.mkdir()
            for name in (JOURNAL, PART):
                shutil.copy(killed / name, place)
            yield place
            shutil.rmtree(place)

    return make()


def claimed(journal: bytes) -> int:
    """Bytes that the whole lines of a journal claim."""
    had: Dict[str, RangeSet] = {}
    for line in journal.split(b"\n")[:-1]:
        words = line.decode().split()
        if words[1] == "h":
            had.setdefault(words[2], RangeSet()).add(int(words[3]), int(words[4]))
    return sum(ranges.total for ranges in had.values())


@pytest.mark.row(44)
def test_a_journal_cut_anywhere(
    image_registry: Running, killed: Path, copies: Iterator[Path], wanted: Dict[str, Dict[str, bytes]]
) -> None:
    """After every line, one byte before and one after: what its whole lines claim is not fetched again."""
    journal = (killed / JOURNAL).read_bytes()
    ends = [place + 1 for place, byte in enumerate(journal) if byte == ord("\n")]
    assert len(ends) > 5
    for end in ends:
        for cut in {end - 1, end, min(end + 1, len(journal))}:
            place = next(copies)
            (place / JOURNAL).write_bytes(journal[:cut])
            received = again(image_registry, place, "docker", [])
            assert contents(place) == wanted["docker"], cut
            if cut >= ends[0]:
                assert received == SIZE - claimed(journal[:cut]), cut


@pytest.mark.parametrize("change", [0x00, 0x01, 0x80, 0xFF])
@pytest.mark.row(44)
def test_a_journal_with_a_wrong_byte_anywhere(
    image_registry: Running,
    killed: Path,
    copies: Iterator[Path],
    wanted: Dict[str, Dict[str, bytes]],
    change: int,
) -> None:
    """A bit or a byte flipped, or made zero: behind the first line it costs at most the two claims it touches."""
    journal = (killed / JOURNAL).read_bytes()
    head = journal.index(b"\n") + 1
    for spot in range(change % 11, len(journal), 11):
        place = next(copies)
        byte = journal[spot] ^ change if change else 0
        (place / JOURNAL).write_bytes(journal[:spot] + bytes([byte]) + journal[spot + 1 :])
        received = again(image_registry, place, "docker", [])
        assert contents(place) == wanted["docker"], spot
        assert received <= (SIZE - claimed(journal) + 2 * BUFFER if spot >= head else SIZE), spot


def other_journals(journal: bytes) -> List[bytes]:
    head, _, rest = journal.partition(b"\n")
    words = head.split(b" ")
    return [
        b"",
        bytes(len(journal)),
        journal[:100] + bytes(len(journal) - 100),
        journal.replace(b"dockferry-journal 1", b"dockferry-journal 2"),
        rest,
        rest + journal,
        b"\n".join(reversed(journal.splitlines())) + b"\n",
        journal.replace(words[3], b"0" * 64),
        b"\xff" * 5000,
        b"\n" * 5000,
    ]


@pytest.mark.row(44)
def test_a_journal_that_is_none(
    image_registry: Running, killed: Path, copies: Iterator[Path], wanted: Dict[str, Dict[str, bytes]]
) -> None:
    """Empty, zeroed, of another version or image, shuffled, garbage: whole layers are found by their hashes."""
    for number, damaged in enumerate(other_journals((killed / JOURNAL).read_bytes())):
        place = next(copies)
        (place / JOURNAL).write_bytes(damaged)
        received = again(image_registry, place, "docker", [])
        assert contents(place) == wanted["docker"], number
        assert received <= SIZE - max(layer.size for layer in IMAGE.layers), number


@pytest.mark.row(44)
def test_a_journal_that_claims_too_much(
    image_registry: Running, killed: Path, copies: Iterator[Path], wanted: Dict[str, Dict[str, bytes]]
) -> None:
    """Whole lines that are false: every claim is proved before it counts."""
    import zlib

    place = next(copies)
    with open(place / JOURNAL, "ab") as journal:
        for text in (b"h 0 0 99999999999", b"h 1 0 1000", b"h 2 5 10000000", b"h 99 0 1", b"h 3 9 8", b"s 99999999"):
            journal.write(b"%08x %s\n" % (zlib.crc32(text), text))
    again(image_registry, place, "docker", [])
    assert contents(place) == wanted["docker"]


@pytest.mark.row(45)
def test_an_unfinished_file_edited_anywhere(
    image_registry: Running, killed: Path, copies: Iterator[Path], wanted: Dict[str, Dict[str, bytes]]
) -> None:
    """A bit flipped at any of many places, headers and padding too: found before it is published."""
    size = (killed / PART).stat().st_size
    places = [*range(0, 6500, 500), *range(6501, size, size // 23), size - 1, size - 1025]
    for spot in places:
        place = next(copies)
        with open(place / PART, "r+b") as part:
            part.seek(spot)
            byte = part.read(1)
            part.seek(spot)
            part.write(bytes([byte[0] ^ 4]))
        events: List[Event] = []
        received = again(image_registry, place, "docker", events)
        assert contents(place) == wanted["docker"], spot
        assert received <= SIZE, spot


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"U"])
@pytest.mark.parametrize("keeps_journal", [True, False])
@pytest.mark.row(45)
def test_an_unfinished_file_of_something_else(
    image_registry: Running,
    copies: Iterator[Path],
    wanted: Dict[str, Dict[str, bytes]],
    fill: bytes,
    keeps_journal: bool,
) -> None:
    """Zeros or another's bytes throughout, of the right size: no byte of it is in the archive."""
    place = next(copies)
    (place / PART).write_bytes(fill * (place / PART).stat().st_size)
    if not keeps_journal:
        (place / JOURNAL).unlink()
    assert again(image_registry, place, "docker", []) >= SIZE - 1000
    assert contents(place) == wanted["docker"]


@pytest.mark.parametrize("change", [-1, 1, -100_000])
def test_an_unfinished_file_of_another_size(
    image_registry: Running, copies: Iterator[Path], wanted: Dict[str, Dict[str, bytes]], change: int
) -> None:
    """Cut or grown: begun anew."""
    place = next(copies)
    part = place / PART
    data = part.read_bytes()
    part.write_bytes(data + b"x" if change > 0 else data[:change])
    again(image_registry, place, "docker", [])
    assert contents(place) == wanted["docker"]
