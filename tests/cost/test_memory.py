"""Memory and work: they do not grow with a blob's bytes, and a receive makes no object of what it brings."""

from __future__ import annotations

import gc
import ssl
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

import pytest
from support.bounds import hold
from support.certificates import make_authority
from support.costs import MIB, plain_image
from support.flat import FlatDestination, FlatSource, flat_blob
from support.rude import RudeServer
from support.rude_registry import Ask, RudeRegistry

from dockferry.oci.descriptor import Descriptor
from dockferry.oci.reference import Reference
from dockferry.registry.access import Access
from dockferry.registry.credentials import CredentialStore
from dockferry.registry.repository import Repository, open_repository
from dockferry.transfer.claims import Recovered
from dockferry.transfer.engine import Options, transfer
from dockferry.transfer.journal import Journal
from dockferry.transfer.ranges import RangeSet
from dockferry.transfer.worker import BUFFER

LITTLE, MUCH = 64 * MIB, 320 * MIB
CHUNKS = (MUCH - LITTLE) // BUFFER
"""By how many chunks, which a worker's buffer takes at once, the large blob is more than the small one."""
THREADS = pytest.mark.parametrize("threads", [1, 4])
IMAGE = plain_image(4 * MIB)


@pytest.fixture(scope="module")
def blobs() -> List[Descriptor]:
    return [flat_blob(LITTLE), flat_blob(MUCH)]


def run(folder: Path, blob: Descriptor, threads: int, source: Optional[FlatSource] = None) -> None:
    """One transfer of `blob` by the engine, its journal in `folder`."""
    nothing = [RangeSet()]
    journal = Journal.create(folder / "journal", "id", Recovered(True, nothing, nothing), "boot")
    try:
        transfer([blob], [source or FlatSource()], FlatDestination(), journal, nothing, Options(threads))
    finally:
        journal.close()


@THREADS
def test_the_peak_does_not_grow_with_the_size(tmp_path: Path, blobs: List[Descriptor], threads: int) -> None:
    """Five times the bytes, the same peak of Python's memory, but for 50 bytes for each chunk more."""
    run(tmp_path, blobs[0], threads)  # what is made once is there

    def growth(folder: Path) -> Dict[str, float]:
        little, much = (peak(folder, blob, threads) for blob in blobs)
        return {"growth of the peak": much - little}

    hold(tmp_path, growth, {"growth of the peak": 50 * CHUNKS})


def peak(folder: Path, blob: Descriptor, threads: int) -> int:
    """Bytes."""
    tracemalloc.start()
    try:
        run(folder, blob, threads)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_nothing_is_kept_for_a_chunk(tmp_path: Path, blobs: List[Descriptor]) -> None:
    """From the first 64 MiB to the last: half as many live objects more as there were chunks would be too many."""
    counts: List[int] = []

    def look(given: int) -> None:
        if given in (LITTLE, MUCH):
            gc.collect()
            counts.append(sys.getallocatedblocks())

    run(tmp_path, blobs[1], 1, FlatSource(look))
    assert len(counts) == 2
    assert counts[1] - counts[0] <= CHUNKS // 2


@THREADS
def test_work_for_each_mebibyte_is_bounded(tmp_path: Path, blobs: List[Descriptor], threads: int) -> None:
    """Calls of functions, Python's and the library's, in all threads: some for a receive and for a chunk."""
    calls = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            calls[0] += 1

    threading.setprofile(count)
    try:
        run(tmp_path, blobs[0], threads)
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]
    receives = MIB // (16 * 1024)
    assert calls[0] / (LITTLE / MIB) <= 27 * receives


def _at_once(ask: Ask) -> None:
    """The whole, without a copy, which would be counted too: the server is in this process."""
    ask.wire.reply(200, ask.data)


@pytest.fixture(params=["plain", "TLS"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Repository]:
    """One of a registry on a raw socket."""
    context: Optional[ssl.SSLContext] = None
    authority: Optional[str] = None
    if request.param == "TLS":
        context, authority = make_authority(tmp_path, "127.0.0.1")
    with RudeServer(RudeRegistry(IMAGE, fault=_at_once), context) as server:
        nobody = CredentialStore("", "", "", environ={}, home=tmp_path)
        access = Access(ca_cert=authority)
        yield open_repository(Reference.parse(f"{server.host}/demo/app:1.0"), server.url, access, nobody)


def test_a_receive_makes_no_object_for_its_bytes(repository: Repository) -> None:
    """After what came with the headers a receive allocates less than 2 KiB, whatever it brings."""
    layer = IMAGE.layers[0]
    view = memoryview(bytearray(512 * 1024))
    delivery = repository.open(layer, 0, layer.size)
    most = []
    tracemalloc.start()
    try:
        got = delivery.readinto(view) + delivery.readinto(view)
        while got < layer.size:
            tracemalloc.clear_traces()
            got += delivery.readinto(view)
            most.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
        delivery.close()
    assert len(most) > 4
    assert sorted(most)[len(most) // 2] <= 2_048
