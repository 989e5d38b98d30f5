"""Fetch: all blobs into an open destination, going on from what an earlier run left there."""

from __future__ import annotations

from pathlib import Path
from typing import List, Sequence, Union

from ..archive.archive_file import ArchiveFile
from ..archive.layout_dir import LayoutDir
from ..events import OnEvent, Resumed, Warned
from ..message import Message
from ..system.boot import boot_identity
from ..system.disk import sync_directory
from ..transfer.claims import UNKNOWN_BOOT, Recovered
from ..transfer.engine import Options, Outcome, transfer
from ..transfer.journal import Journal
from ..transfer.protocols import Source
from ..transfer.ranges import RangeSet


def fetch(
    sources: Sequence[Source],
    destination: Union[ArchiveFile, LayoutDir],
    journal_path: Path,
    options: Options,
    on_event: OnEvent,
) -> Outcome:
    """Every blob in place, proved and synced; what came over the network. Raises as `transfer` does."""
    boot = boot_identity(UNKNOWN_BOOT)
    blobs = destination.blobs
    recovered = _recovered(destination, journal_path, boot, on_event)
    journal = Journal.create(journal_path, destination.identity, recovered, boot)
    try:
        sync_directory(journal_path.parent)
        had = sum(ranges.total for ranges in recovered.had)
        if had:
            on_event(Resumed(had, sum(blob.size for blob in blobs)))
        outcome = transfer(blobs, sources, destination, journal, recovered.had, options, on_event)
        journal.settle(destination.sync)
        return outcome
    finally:
        journal.close()


def _recovered(
    destination: Union[ArchiveFile, LayoutDir], journal_path: Path, boot: str, on_event: OnEvent
) -> Recovered:
    """What earlier runs left: by the journal; without one, whole blobs that the hash will prove."""
    blobs = destination.blobs
    nothing: List[RangeSet] = [RangeSet() for _ in blobs]
    found = Journal.recover(journal_path, destination.identity, len(blobs), boot)
    if not destination.existed:
        found = Recovered(had=nothing, synced=nothing)
    elif not found.is_known:
        message = Message(
            "the unfinished file has no readable journal: what it holds is looked through by its hashes"
        )
        on_event(Warned(message))
        found = Recovered(had=[RangeSet([(0, blob.size)]) for blob in blobs], synced=nothing)
    had = [
        RangeSet([(0, blob.size)]) if destination.present(blob) else _within(ranges, blob.size)
        for blob, ranges in zip(blobs, found.had)
    ]
    return Recovered(had=had, synced=[_within(ranges, blob.size) for blob, ranges in zip(blobs, found.synced)])


def _within(ranges: RangeSet, size: int) -> RangeSet:
    """A journal may claim nonsense: only what the blob has."""
    return RangeSet((start, min(end, size)) for start, end in ranges)
