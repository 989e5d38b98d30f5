"""The engine: blobs from sources to a destination, over many connections, each proved by its digest.

Strategy: a thread for each connection, a few that hash, one that syncs now and then; this thread only waits, tells
events and asks the governor. All state is in `TransferState`.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import List, Optional, Sequence, Tuple

from ..choices import MAX_THREADS
from ..errors import Interrupted
from ..events import OnEvent, SourceReport, ignore
from ..oci.descriptor import Descriptor
from .governor import Governor
from .hasher import hash_along
from .journal import Journal
from .progress import ProgressMaker
from .protocols import Abortable, Destination, Source
from .ranges import RangeSet
from .retry import RetryPolicy
from .scheduler import Rules
from .source_state import Worker
from .state import TransferState
from .syncer import sync_along
from .worker import work

_GOVERN = 0.5
_GO_HOME = 5.0
"""Seconds that threads get to end: a receive that was shut down comes back at once, a write when it is done."""


@dataclass(frozen=True)
class Options:
    """`threads`: connections, None to let the engine find out. `tick`: seconds between two Progress events.

    `sync_bytes`: after so many a sync is due: the disk writes while the network brings, so that the end is soon done.
    """

    threads: Optional[int] = None
    tick: float = 0.1
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    rules: Rules = field(default_factory=Rules)
    sync_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True)
class Outcome:
    """`received`: bytes that came over the network. `sources`: what each of them did, in the order given."""

    received: int
    sources: Tuple[SourceReport, ...]


def transfer(
    blobs: Sequence[Descriptor],
    sources: Sequence[Source],
    destination: Destination,
    journal: Journal,
    had: Sequence[RangeSet],
    options: Options,
    on_event: OnEvent = ignore,
) -> Outcome:
    """Bring `blobs` (distinct) to `destination`; come back when every one is there and hashes to its digest.

    `had` is what an earlier run left. Events are told in the calling thread. Raises what ended the transfer:
    NetworkError, AuthError, NotFoundError, ContentError, DiskError, or KeyboardInterrupt; state is kept in
    `journal`, and no thread touches `destination` any more when this comes back or raises.
    """
    state = TransferState(
        blobs,
        sources,
        had,
        policy=options.policy,
        governor=Governor(options.threads),
        rules=options.rules,
        luck=random.random,
        on_drop=journal.dropped,
    )
    maker = ProgressMaker(state)
    crew = _Crew(state, destination, journal, options)
    try:
        crew.start()
        _watch(state, maker, options.tick, on_event)
    except KeyboardInterrupt:
        state.stop(Interrupted("interrupted", remedy="run the same command again to go on from here"))
        raise
    finally:
        crew.stop()
        while state.shared.events:
            on_event(state.shared.events.popleft())
        if on_event is not ignore:  # what is kept, to the last byte
            on_event(maker.look())
    reports = state.pool.reports()
    for report in reports:
        on_event(report)
    if state.shared.error is not None:
        raise state.shared.error
    return Outcome(state.received, reports)


def _watch(state: TransferState, maker: ProgressMaker, tick: float, on_event: OnEvent) -> None:
    shared = state.shared
    next_look = next_govern = state.clock()
    while True:
        with shared.lock:
            if not shared.is_over and not shared.events:
                shared.main.wait(tick)
            events = [shared.events.popleft() for _ in range(len(shared.events))]
            now = state.clock()
            useless: List[Abortable] = []
            if now >= next_govern:
                next_govern = now + _GOVERN
                useless = state.govern(now)
            is_over = shared.is_over
        for wait in useless:
            wait.abort()
        for event in events:
            on_event(event)
        if on_event is not ignore and now >= next_look and not is_over:
            next_look = now + tick
            on_event(maker.look())
        if is_over:
            return


class _Crew:
    """The threads of one transfer."""

    def __init__(self, state: TransferState, destination: Destination, journal: Journal, options: Options) -> None:
        self._state = state
        self._done = threading.Event()
        self._threads: List[threading.Thread] = [
            threading.Thread(target=work, args=(state, Worker(number), destination, journal), daemon=True)
            for number in range(options.threads or MAX_THREADS)
        ]
        self._threads += [
            threading.Thread(target=hash_along, args=(state, destination), daemon=True)
            for _ in range(min(4, state.processors))
        ]
        syncing = (state, destination, journal, options.sync_bytes, self._done)
        self._threads.append(threading.Thread(target=sync_along, args=syncing, daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End every thread. What still hangs in the network after a while is left behind: it may not write."""
        self._done.set()
        self._state.stop()
        deadline = self._state.clock() + _GO_HOME
        started = [thread for thread in self._threads if thread.ident is not None]
        for thread in started:
            thread.join(max(0.0, deadline - self._state.clock()))
        self._state.close()
