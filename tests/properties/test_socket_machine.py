"""The whole pull over sockets: drawn replies of one to three registries, interruptions and damage, until it is done.

Whatever is drawn: the archive is right to the byte, or it is not there, the error is one of ours, and a run with
honest registries ends it.
"""

from __future__ import annotations

import functools
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Iterator, List, Optional, Sequence, Set

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from support.damage import DAMAGE_KINDS, Damage
from support.drawn import Turn
from support.images import make_image
from support.rude import RudeServer
from support.rude_registry import Ask, Fault, RudeRegistry
from support.rude_turns import LIES, PLAYS, play
from support.said import assert_plain
from support.thorough import examples

from dockferry import Access, pull
from dockferry.errors import AuthError, ContentError, DockferryError, NetworkError, NotFoundError
from dockferry.events import Event, Progress, Warned
from dockferry.transfer.retry import RetryPolicy

IMAGE = make_image([400_000, 150_000, 0, 60_000, 1], seed=4)
QUICK = RetryPolicy(attempts=4, base=0.005, longest=0.05, first=0.005)
ACCESS = Access(connect_timeout=2.0, first_byte_timeout=0.5, idle_timeout=0.1)
LONGEST = 60.0
"""Seconds: what takes longer hangs."""

SHARES = st.floats(0, 1, width=16)
HONEST = [Turn("honest")]
TURNS = st.lists(st.builds(Turn, st.sampled_from(sorted(PLAYS)), SHARES), min_size=1, max_size=5)
PLANS = st.tuples(TURNS | st.just(HONEST), TURNS | st.just(HONEST), TURNS)
COUNTS = st.integers(0, 3)
THREADS = st.sampled_from([1, 3, None])


class Registries:
    """Three rude registries; the first is the image's own. The n-th blob request of each goes as its plan says."""

    def __init__(self, stack: ExitStack) -> None:
        self.made = [RudeRegistry(IMAGE, rate=1e9) for _ in range(3)]
        self.servers = [stack.enter_context(RudeServer(made)) for made in self.made]
        for made, server in zip(self.made, self.servers):
            made.ending = server.ending
        self.image = f"{self.servers[0].host}/demo/app:1.0"

    def follow(self, plans: Sequence[Sequence[Turn]]) -> None:
        for made, turns in zip(self.made, plans):
            made.fault = _fault(list(turns))

    def strangers(self) -> Set[threading.Thread]:
        """All threads but the servers'."""
        return set(threading.enumerate()).difference(*(server.threads() for server in self.servers))


def _fault(turns: List[Turn]) -> Fault:
    lock = threading.Lock()
    asked = [0]

    def fault(ask: Ask) -> None:
        with lock:
            number, asked[0] = asked[0], asked[0] + 1
        play(turns[number % len(turns)], ask)

    return fault


@pytest.fixture(scope="module")
def registries() -> Iterator[Registries]:
    with ExitStack() as stack:
        yield Registries(stack)


class Watch:
    """Hears a run's events: interrupts at the `moment`-th, and ends a run that takes too long."""

    def __init__(self, moment: Optional[int] = None) -> None:
        self._left = moment
        self._deadline = time.monotonic() + LONGEST

    def __call__(self, told: Event) -> None:
        assert time.monotonic() < self._deadline, "the run hangs"
        if isinstance(told, Progress):
            assert 0 <= told.hashed <= told.done <= told.size
        if isinstance(told, Warned):
            assert_plain(told.message)
        if self._left == 0:
            self._left = None
            raise KeyboardInterrupt
        if self._left is not None:
            self._left -= 1


class SocketMachine(RuleBasedStateMachine):
    """One archive on its way to `path`, which holds `wanted` in the end."""

    def __init__(self, registries: Registries, path: Path, wanted: bytes) -> None:
        super().__init__()
        self.registries, self.path, self.wanted = registries, path, wanted
        self.part = path.with_name(path.name + ".part")
        self.journal = path.with_name(path.name + ".part.journal")

    @rule(plans=PLANS, mirrors=COUNTS, threads=THREADS)
    def run(self, plans: Sequence[List[Turn]], mirrors: int, threads: Optional[int]) -> None:
        """To its end, whichever that is."""
        self.pull(plans, mirrors, threads, Watch())

    @rule(plans=PLANS, mirrors=COUNTS, threads=THREADS, moment=st.integers(0, 12))
    def interrupt(self, plans: Sequence[List[Turn]], mirrors: int, threads: Optional[int], moment: int) -> None:
        """Ctrl-C."""
        self.pull(plans, mirrors, threads, Watch(moment))

    @rule(file=st.sampled_from(["part", "journal"]), damage=st.builds(Damage, st.sampled_from(DAMAGE_KINDS), SHARES))
    def damage(self, file: str, damage: Damage) -> None:
        """Somebody, or a disk, changes what an unfinished run has left."""
        path = self.part if file == "part" else self.journal
        if path.exists():
            damage.do(path)

    def teardown(self) -> None:
        """Honest registries end what all others have left."""
        try:
            self.pull([HONEST] * 3, 2, 3, Watch())
            assert self.path.exists()
        finally:
            for left in self.path.parent.iterdir():
                left.unlink()

    def pull(self, plans: Sequence[List[Turn]], mirrors: int, threads: Optional[int], watch: Watch) -> None:
        """One run; afterwards, what must be true after every run."""
        if self.path.exists():  # done before: begin anew
            self.path.unlink()
        self.registries.follow(plans)
        before = set(threading.enumerate())
        error = self._pull(mirrors, threads, watch)
        assert not self.registries.strangers() - before, "a thread was left behind"
        if error is None:
            assert self.path.read_bytes() == self.wanted
            assert [path.name for path in self.path.parent.iterdir()] == [self.path.name]
            return
        if self.path.exists():  # interrupted when all was done
            assert self.path.read_bytes() == self.wanted
            assert isinstance(error, KeyboardInterrupt)
        assert HONEST not in plans[: max(1, mirrors)] or isinstance(error, KeyboardInterrupt), error
        assert isinstance(error, KeyboardInterrupt) or self._is_due(
            error, {turn.kind for one in plans for turn in one}
        )

    def _pull(self, mirrors: int, threads: Optional[int], watch: Watch) -> Optional[BaseException]:
        try:
            pull(
                self.registries.image,
                mirrors=[server.url for server in self.registries.servers[:mirrors]],
                output=self.path,
                threads=threads,
                access=ACCESS,
                retry=QUICK,
                on_event=watch,
                tick=0.01,
            )
        except (DockferryError, KeyboardInterrupt) as error:
            return error
        return None

    def _is_due(self, error: BaseException, kinds: set) -> bool:
        """Whether the error says what happened, in plain words."""
        assert_plain(str(error))
        if isinstance(error, ContentError):
            return bool(kinds & set(LIES))
        if isinstance(error, (AuthError, NotFoundError)):
            return bool(kinds & {"401", "403", "404"})
        return isinstance(error, NetworkError)


def test_every_course_of_a_pull_ends_well(registries: Registries, tmp_path: Path) -> None:
    """Right to the byte or resumable, after every step; honest registries finish what was left."""
    registries.follow([HONEST] * 3)
    wanted = pull(registries.image, output=tmp_path / "wanted.tar", access=ACCESS).path.read_bytes()
    (tmp_path / "run").mkdir()
    factory = functools.partial(SocketMachine, registries, tmp_path / "run" / "a.tar", wanted)
    run_state_machine_as_test(factory, settings=examples(8, steps=4))
