"""The journal: a killed run's claims are known; torn or foreign files and unsynced claims cost no wrong byte."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockferry.errors import DiskError
from dockferry.system.boot import boot_identity
from dockferry.transfer.claims import Recovered, parse
from dockferry.transfer.journal import Journal
from dockferry.transfer.ranges import RangeSet


def fresh(path: Path, blobs: int = 2) -> Journal:
    return Journal.create(path, "plan", Recovered(had=[RangeSet()] * blobs, synced=[RangeSet()] * blobs), "boot1")


def test_a_killed_run_keeps_its_claims(tmp_path: Path) -> None:
    """In the same boot every whole line is believed, synced or not."""
    journal = fresh(tmp_path / "j")
    journal.had(0, [(0, 10), (20, 30)])
    journal.had(1, [(5, 6)])
    journal.close()
    found = Journal.recover(tmp_path / "j", "plan", 2, "boot1")
    assert found.is_known
    assert found.had == [RangeSet([(0, 10), (20, 30)]), RangeSet([(5, 6)])]


@pytest.mark.parametrize("boot", ["boot2", "-"])
@pytest.mark.row(43)
def test_a_power_cut_leaves_the_synced_claims(tmp_path: Path, boot: str) -> None:
    """In another boot, or where boots cannot be told apart, only what was synced is believed."""
    journal = fresh(tmp_path / "j")
    journal.had(0, [(0, 10)])
    journal.settle(lambda: journal.had(0, [(10, 20)]))  # while the sync is under way
    journal.close()
    assert Journal.recover(tmp_path / "j", "plan", 2, boot).had[0] == RangeSet([(0, 10)])
    assert Journal.recover(tmp_path / "j", "plan", 2, "boot1").had[0] == RangeSet([(0, 20)])


def test_a_failed_sync_leaves_the_synced_claims(tmp_path: Path) -> None:
    """In the same boot too: the system reads back what it could not write, until it forgets it."""

    def fail() -> None:
        raise DiskError("cannot sync")

    journal = fresh(tmp_path / "j")
    journal.had(0, [(0, 10)])
    journal.settle(lambda: None)
    journal.had(0, [(10, 20)])
    with pytest.raises(DiskError, match="cannot sync"):
        journal.settle(fail)
    journal.had(0, [(20, 30)])
    journal.close()
    assert Journal.recover(tmp_path / "j", "plan", 2, "boot1").had[0] == RangeSet([(0, 10)])


def test_recovered_claims_survive_a_second_kill(tmp_path: Path) -> None:
    """A resumed run's journal starts with what was recovered, synced and unsynced kept apart."""
    path = tmp_path / "j"
    first = fresh(path)
    first.had(0, [(0, 10)])
    first.settle(lambda: None)
    first.had(0, [(10, 20)])
    first.close()
    Journal.create(path, "plan", Journal.recover(path, "plan", 2, "boot1"), "boot1").close()
    assert Journal.recover(path, "plan", 2, "boot1").had[0] == RangeSet([(0, 20)])
    assert Journal.recover(path, "plan", 2, "boot2").had[0] == RangeSet([(0, 10)])


def test_dropped_claims_are_gone(tmp_path: Path) -> None:
    """A blob that hashed wrong is not claimed again by lines that stand before."""
    journal = fresh(tmp_path / "j")
    journal.had(0, [(0, 10)])
    journal.settle(lambda: None)
    journal.dropped(0)
    journal.had(0, [(3, 4)])
    journal.close()
    assert Journal.recover(tmp_path / "j", "plan", 2, "boot1").had[0] == RangeSet([(3, 4)])
    assert Journal.recover(tmp_path / "j", "plan", 2, "boot2").had[0] == RangeSet()


def test_every_torn_tail_is_read_up_to_the_tear(tmp_path: Path) -> None:
    """Cut at any byte: the claims before the cut stand, in order, and nothing else does."""
    journal = fresh(tmp_path / "j", 1)
    for place in range(20):
        journal.had(0, [(place * 10, place * 10 + 10)])
    journal.close()
    data = (tmp_path / "j").read_bytes()
    before = -1
    for cut in range(len(data) + 1):
        found = parse(data[:cut], "plan", 1, "boot1")
        total = found.had[0].total if found.is_known else 0
        assert total % 10 == 0
        assert total >= before
        before = total
    assert before == 200


def test_a_broken_line_costs_its_own_claim(tmp_path: Path) -> None:
    """Any one byte changed: at most the claims of two lines are gone, and none is new."""
    journal = fresh(tmp_path / "j", 1)
    for place in range(20):
        journal.had(0, [(place * 10, place * 10 + 10)])
    journal.close()
    data = (tmp_path / "j").read_bytes()
    for place in range(data.index(b"\n") + 1, len(data)):
        for byte in (0, 10, data[place] ^ 1):
            damaged = data[:place] + bytes([byte]) + data[place + 1 :]
            had = parse(damaged, "plan", 1, "boot1").had[0]
            assert had.total in (180, 190, 200)
            assert all(0 <= start < end <= 200 for start, end in had)


@pytest.mark.parametrize("damage", [b"", b"\0" * 300, b"dockferry-journal 2 plan boot1\n", b"\xff\xfe\n\n"])
@pytest.mark.row(44)
def test_damage_is_no_claim(tmp_path: Path, damage: bytes) -> None:
    """Zeroed, empty, another version, garbage: nothing is claimed, nothing is raised."""
    (tmp_path / "j").write_bytes(damage)
    found = Journal.recover(tmp_path / "j", "plan", 2, "boot1")
    assert not found.is_known


def test_another_plan_is_not_mixed_in(tmp_path: Path) -> None:
    """A journal of another image, or of other options, claims nothing here."""
    journal = fresh(tmp_path / "j")
    journal.had(0, [(0, 10)])
    journal.close()
    assert not Journal.recover(tmp_path / "j", "other", 2, "boot1").is_known


def test_no_journal_is_no_error(tmp_path: Path) -> None:
    """The first run finds nothing, and says so."""
    found = Journal.recover(tmp_path / "none", "plan", 2, "boot1")
    assert not found.is_known


def test_unwritable_place_is_a_disk_error(tmp_path: Path) -> None:
    """A journal that cannot be written is DiskError with the path, before anything was fetched."""
    with pytest.raises(DiskError, match="nowhere"):
        fresh(tmp_path / "nowhere" / "j")


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    """Whatever the file holds, reading it ends in claims or none."""
    for found in (parse(data, "plan", 2, "boot1"), parse(b"%s\n" % data, "plan", 2, "-")):
        assert len(found.had) in (0, 2)


@given(st.lists(st.one_of(st.binary(max_size=40), st.from_regex(rb"[hdsx]( -?[0-9]{1,25}){0,4}", fullmatch=True))))
def test_no_whole_lines_make_it_raise(facts: List[bytes]) -> None:
    """Whatever is claimed behind a right first line and right checksums: what is believed are ranges."""
    lines = (b"dockferry-journal 1 plan boot1", *facts)
    found = parse(b"".join(b"%08x %s\n" % (zlib.crc32(line), line) for line in lines), "plan", 2, "boot1")
    assert found.is_known
    assert len(found.had) == len(found.synced) == 2
    assert all(0 <= start < end for ranges in (*found.had, *found.synced) for start, end in ranges)


def test_the_boots_name() -> None:
    """It is one word, and stays the same."""
    assert boot_identity("-") == boot_identity("-") != "-"
    assert " " not in boot_identity("-")
