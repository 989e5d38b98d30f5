"""Unpacked forms behind drawn sources, faults and interruptions: right to the byte in the end, or not there.

Sources lie, cut and repeat themselves, so that blobs go back and are written anew while they are read.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from hypothesis import event, given
from hypothesis import strategies as st
from support.archives import content_of
from support.drawn import HARMLESS, KINDS, LIES, DrawnSource, Turn
from support.plain import all_kinds, image_of, tree_of
from support.thorough import examples

from dockferry.archive.archive_file import ArchiveFile
from dockferry.archive.layer_tree import LayerTree
from dockferry.archive.legacy_tar import LegacyTar
from dockferry.archive.plan import Plan
from dockferry.errors import ContentError, DockferryError
from dockferry.events import Event
from dockferry.transfer.engine import Options
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.scheduler import Rules
from dockferry.usecases.making import Making
from dockferry.usecases.target import Target

LAYERS = all_kinds(60_000)
IMAGE = image_of(LAYERS)
CONTENT = content_of(IMAGE)
POLICY = RetryPolicy(attempts=5, base=0.002, longest=0.02, first=0.001)
RULES = Rules(piece_min=8192, shared_min=16384, steal_min=8192, steal_time=0.001, twin_time=0.01)
SHARES = st.floats(0, 1, width=16)
HONEST = [Turn("honest")]


def sources(kinds: List[str]) -> st.SearchStrategy[List[List[Turn]]]:
    turns = st.lists(st.builds(Turn, st.sampled_from(kinds), SHARES), min_size=1, max_size=6)
    return st.lists(turns | st.just(HONEST), min_size=1, max_size=3)


RUNS = st.lists(
    st.tuples(
        sources(list(KINDS)) | sources([*HARMLESS, *LIES]),
        st.sampled_from([1, 3, 20]),
        st.none() | st.integers(0, 30),
    ),
    max_size=3,
)


class Interrupted:
    """Ctrl-C at the `moment`-th event."""

    def __init__(self, moment: Optional[int]) -> None:
        self._left = moment

    def __call__(self, told: Event) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._left = None
                raise KeyboardInterrupt


def contents(path: Path) -> Dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def make(target: Target, turns: List[List[Turn]], threads: int, moment: Optional[int]) -> Optional[BaseException]:
    """One run, as the use case does it."""
    form = LayerTree(target.path, CONTENT) if target.format == "layers" else LegacyTar(target.path, CONTENT)
    store = target.path.with_name(target.path.name + (".blobs" if target.format == "layers" else ""))
    destination = ArchiveFile(store, Plan.of(CONTENT))
    drawn = [DrawnSource(IMAGE.blobs, one, f"s{number}.example") for number, one in enumerate(turns)]
    before = set(threading.enumerate())
    error: Optional[BaseException] = None
    try:
        Making(target, destination, form, Interrupted(moment)).fetch(
            drawn, Options(threads, 0.001, POLICY, RULES), False
        )
    except (DockferryError, KeyboardInterrupt) as problem:
        error = problem
    assert set(threading.enumerate()) <= before, "a thread was left behind"
    return error


@examples(40)
@given(format=st.sampled_from(["layers", "docker-legacy"]), runs=RUNS)
def test_every_course_of_events_ends_right(
    format: str, runs: List[Tuple[List[List[Turn]], int, Optional[int]]]
) -> None:
    """However often it was interrupted, and whatever was sent: one honest source ends it, to the byte."""
    root = Path(tempfile.mkdtemp(prefix="plain"))
    try:
        target = Target(root / "a", format)
        for turns, threads, moment in runs:
            error = make(target, turns, threads, moment)
            event(f"a run ended with {type(error).__name__}")
            if error is None:
                break
            assert not target.path.exists()
            kinds = {turn.kind for one in turns for turn in one}
            assert not isinstance(error, ContentError) or kinds & {*LIES}, error
        else:
            assert make(target, [HONEST], 3, None) is None
        assert [path.name for path in root.iterdir()] == ["a"]
        if format == "layers":
            assert sorted(contents(target.path).items()) == tree_of(IMAGE, LAYERS)
        else:
            assert target.path.read_bytes() == wanted()
    finally:
        shutil.rmtree(root)


def wanted() -> bytes:
    """The tar of old, made without any of that."""
    if not _WANTED:
        root = Path(tempfile.mkdtemp(prefix="plain"))
        try:
            form = LegacyTar(root / "a", CONTENT)
            form.open()
            plain = {layer.data: layer.plain for layer in LAYERS}
            for number, layer in enumerate(form.layers):
                sink = form.sink(number)
                sink.write(plain[IMAGE.blobs[layer.blob.digest]])
                sink.finish()
            form.publish()
            _WANTED.append((root / "a").read_bytes())
        finally:
            shutil.rmtree(root)
    return _WANTED[0]


_WANTED: List[bytes] = []
