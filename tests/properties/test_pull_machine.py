"""The engine, real files and real journals under drawn sources, faults, interruptions, kills and damage.

Whatever is drawn: the archive is right to the byte, or it is not there, the error is one of ours, and a run with one
honest source ends it.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, List, Optional, Sequence

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from support.archives import make_archive, plan_of
from support.damage import DAMAGE_KINDS, Damage
from support.drawn import DENIALS, HARMLESS, KINDS, LIES, DrawnSource, Turn
from support.images import make_image
from support.thorough import examples

from dockferry.archive.archive_file import ArchiveFile
from dockferry.errors import AuthError, ContentError, DockferryError, NetworkError, NotFoundError
from dockferry.events import Event, Progress, Resumed
from dockferry.text import clean
from dockferry.transfer.engine import Options
from dockferry.transfer.retry import RetryPolicy
from dockferry.transfer.scheduler import Rules
from dockferry.usecases.fetch import fetch

IMAGE = make_image([300_000, 120_000, 70_000, 0, 1, 40_000], seed=3)
PLAN = plan_of(IMAGE)
SIZE = sum(blob.size for blob in PLAN.blobs)
KIB = 1024
POLICY = RetryPolicy(attempts=5, base=0.002, longest=0.02, first=0.001)
NO_TWINS = Rules(piece_min=24 * KIB, shared_min=32 * KIB, steal_min=20 * KIB, steal_time=0.001, twin_time=1e9)
TWINS = Rules(piece_min=24 * KIB, shared_min=32 * KIB, steal_min=20 * KIB, steal_time=0.001, twin_time=0.01)
LONGEST = 30.0
"""Seconds: what takes longer hangs."""

SHARES = st.floats(0, 1, width=16)
HONEST = [Turn("honest")]


def drawn_sources(kinds: Sequence[str]) -> st.SearchStrategy[List[List[Turn]]]:
    """One to three, each with a few turns of these kinds that it repeats; now and then one that is honest always."""
    turns = st.lists(st.builds(Turn, st.sampled_from(kinds), SHARES), min_size=1, max_size=6)
    return st.lists(turns | st.just(HONEST), min_size=1, max_size=3)


ANY_SOURCES = drawn_sources(HARMLESS) | drawn_sources(KINDS)
THREADS = st.sampled_from([1, 2, 5, 20, None])
RULES = st.sampled_from([NO_TWINS, NO_TWINS, TWINS])
MOMENTS = st.integers(0, 25)
DAMAGES = st.builds(Damage, st.sampled_from(DAMAGE_KINDS), SHARES)


class Watch:
    """Hears a run's events: does `act` at the `moment`-th and the ones after it, so many `times`; ends what hangs."""

    def __init__(self, moment: int = 0, act: Callable[[], None] = lambda: None, times: int = 1) -> None:
        self.had = 0
        self._number, self._acts, self._act = 0, range(moment, moment + times), act
        self._deadline = time.monotonic() + LONGEST

    def __call__(self, told: Event) -> None:
        assert time.monotonic() < self._deadline, "the run hangs"
        if isinstance(told, Resumed):
            assert 0 < told.had <= told.size == SIZE
            self.had = told.had
        if isinstance(told, Progress):
            assert 0 <= told.hashed <= told.done <= told.size == SIZE
        self._number += 1
        if self._number - 1 in self._acts:
            self._act()


class PullMachine(RuleBasedStateMachine):
    """One archive on its way, in `directory`; `is_clean` says that no byte of it was ever spoilt."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="machine"))
        self.directory = self.root / "0"
        self.directory.mkdir()
        self.wanted = make_archive(self.root / "wanted.tar", IMAGE).read_bytes()
        self.is_clean = True
        self.given = 0
        """Bytes that clean runs gave since the archive was begun, none of which may be lost."""

    @property
    def path(self) -> Path:
        return self.directory / "a.tar"

    @property
    def part(self) -> Path:
        return self.directory / "a.tar.part"

    @property
    def journal(self) -> Path:
        return self.directory / "a.tar.part.journal"

    # What may happen

    @rule(sources=ANY_SOURCES, threads=THREADS, rules=RULES)
    def run(self, sources: List[List[Turn]], threads: Optional[int], rules: Rules) -> None:
        """To its end, whichever that is."""
        self.pull(sources, threads, rules, Watch())

    @rule(sources=ANY_SOURCES, threads=THREADS, rules=RULES, moment=MOMENTS, twice=st.booleans())
    def interrupt(
        self, sources: List[List[Turn]], threads: Optional[int], rules: Rules, moment: int, twice: bool
    ) -> None:
        """Ctrl-C, perhaps once more while the first is heard."""

        self.pull(sources, threads, rules, Watch(moment, _interrupt, times=1 + twice))

    @rule(sources=ANY_SOURCES, threads=THREADS, rules=RULES, moment=MOMENTS)
    def kill(self, sources: List[List[Turn]], threads: Optional[int], rules: Rules, moment: int) -> None:
        """What stands on disk in the middle of a run is all that is left of it."""
        left = self.root / str(1 + int(self.directory.name))

        def act() -> None:
            left.mkdir()
            for path in (self.journal, self.part):  # in this order: no claim without its bytes
                shutil.copyfile(path, left / path.name)
            raise KeyboardInterrupt

        self.pull(sources, threads, rules, Watch(moment, act))
        if left.exists():
            self.directory = left
            self.given = 0

    @rule(file=st.sampled_from(["part", "journal"]), damage=DAMAGES)
    def damage(self, file: str, damage: Damage) -> None:
        """Somebody, or a disk, changes what an unfinished run has left."""
        path = self.part if file == "part" else self.journal
        self.is_clean = False
        if path.exists():
            damage.do(path)

    def teardown(self) -> None:
        """One honest source ends what all the others have left."""
        try:
            self.pull([HONEST], 3, NO_TWINS, Watch())
            assert self.path.exists()
        finally:
            shutil.rmtree(self.root)

    # How it happens

    def pull(self, sources: Sequence[Sequence[Turn]], threads: Optional[int], rules: Rules, watch: Watch) -> None:
        """One run, as the use case does it; afterwards, what must be true after every run."""
        if self.path.exists():  # done before: begin anew
            self.path.unlink()
            self.is_clean, self.given = True, 0
        drawn = [DrawnSource(IMAGE.blobs, turns, f"s{number}.example") for number, turns in enumerate(sources)]
        before = set(threading.enumerate())
        error = self._pull(drawn, Options(threads, 0.002, POLICY, rules), watch)
        assert set(threading.enumerate()) <= before, "a thread was left behind"
        event(f"a run ended with {type(error).__name__}")
        kinds = {turn.kind for turns in sources for turn in turns}
        assert HONEST not in sources or not isinstance(error, DockferryError), error
        self._check(error, kinds)
        self._count(sum(source.given for source in drawn), kinds, rules, watch)

    def _pull(self, sources: List[DrawnSource], options: Options, watch: Watch) -> Optional[BaseException]:
        destination = ArchiveFile(self.path, PLAN)
        destination.open()
        try:
            fetch(sources, destination, self.journal, options, watch)
            destination.publish()
        except (DockferryError, KeyboardInterrupt) as error:
            return error
        finally:
            destination.close()
        self.journal.unlink()
        return None

    def _check(self, error: Optional[BaseException], kinds: set) -> None:
        """Done and right to the byte, or not done, state kept, and the error one that is to be expected."""
        if error is None:
            assert self.path.read_bytes() == self.wanted
            assert [path.name for path in self.directory.iterdir()] == ["a.tar"]
            return
        assert not self.path.exists()
        assert self.part.stat().st_size == PLAN.size
        assert self.journal.exists()
        if isinstance(error, DockferryError):
            assert isinstance(error, (NetworkError, AuthError, NotFoundError, ContentError))
            assert str(error) == clean(str(error), 1000)
            assert not isinstance(error, ContentError) or kinds & set(LIES)
            assert not isinstance(error, (AuthError, NotFoundError)) or kinds & set(DENIALS)

    def _count(self, given: int, kinds: set, rules: Rules, watch: Watch) -> None:
        """Where nothing was spoilt no byte comes twice, and none is lost."""
        if not kinds <= {*HARMLESS, *DENIALS} or rules is TWINS:
            self.is_clean = False
        if self.is_clean:
            assert watch.had >= self.given, "bytes that had come were lost"
            assert watch.had + given <= SIZE, "bytes came twice"
            self.given = watch.had + given


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_every_course_of_events_ends_well() -> None:
    """Right to the byte or resumable, after every step; one honest source finishes; no byte twice, none lost."""
    run_state_machine_as_test(PullMachine, settings=examples(20, steps=6))
