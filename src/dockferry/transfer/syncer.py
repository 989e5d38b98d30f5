"""The syncer: brings what came to stable storage, and says so in the journal, while more comes.

Strategy: after so many bytes, so that the disk writes while the network brings and the end is soon done; and after a
while where little comes, so that a power cut never costs more than half a minute.
"""

from __future__ import annotations

import threading

from .journal import Journal
from .protocols import Destination
from .state import TransferState

_LOST_MOST = 30.0
"""Seconds of work that a power cut may cost."""
_PAUSE_MOST, _PAUSE_LEAST = 20.0, 2.0
"""Seconds from a sync to the next, where little comes."""
_LOOK = 0.25


def pause(took: float) -> float:
    """Seconds to wait for the next sync where little comes, when the last one took so many.

    Lost in a power cut is what came since the last whole sync began: two syncs and the time between them, at most.
    """
    return max(_PAUSE_LEAST, min(_PAUSE_MOST, _LOST_MOST - 2 * took))


def sync_along(
    state: TransferState, destination: Destination, journal: Journal, after: int, done: threading.Event
) -> None:
    """The syncing thread's life, until `done`: a sync is due `after` so many bytes, or after a `pause`."""
    received, took, ended = 0, 0.0, state.clock()
    try:
        while not done.wait(min(pause(took), _LOOK)):
            began = state.clock()
            if state.received - received >= after or began - ended >= pause(took):
                received = state.received
                journal.settle(destination.sync)
                ended = state.clock()
                took = ended - began
    except BaseException as error:  # as in work()
        state.stop(error)
