"""The hasher: reads back and hashes what no worker could from its buffer: what came out of order, or was there."""

from __future__ import annotations

import mmap

from .frontier import read_back
from .protocols import Destination
from .shared import Stopped
from .state import TransferState

_BUFFER = 256 * 1024
"""Bytes that are read at a time."""


def hash_along(state: TransferState, destination: Destination) -> None:
    """A hasher thread's life."""
    view = memoryview(mmap.mmap(-1, _BUFFER))
    proof = state.proof
    try:
        while True:
            reading = proof.next_reading()
            while not proof.advance(reading, read_back(reading.frontier, destination, reading.end, view)):
                pass
    except Stopped:
        pass
    except BaseException as error:  # as in work()
        state.stop(error)
