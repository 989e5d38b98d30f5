"""Making: what was chosen is made: blobs are fetched, layers unpacked behind them, and all of it gets its name.

Strategy: nothing is published before everything is proved. Blobs that are fetched only to be unpacked go into an
archive that is removed in the end; until then the journal lets the next run go on with it. What is removed then, or
is not, changes nothing of what was made.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Optional, Sequence

from ..archive.archive_file import ArchiveFile, FinishedArchive
from ..events import OnEvent
from ..message import Message
from ..text import shown_path
from ..transfer.engine import Options, Outcome
from ..transfer.protocols import Source
from .fetch import fetch
from .target import Destination, Target
from .tidying import Tidying

if TYPE_CHECKING:
    from ..archive.plain_form import PlainForm
    from ..archive.plain_layers import PlainLayer

_BROKEN = Message("the image is broken where it was published; --format oci keeps it as it is")
_DAMAGED = Message("copy it again, or pull it with --force")


class Making:
    """`target`, locked, whose blobs go to `destination`, and whose plain layers, if any are wanted, make `form`."""

    def __init__(
        self, target: Target, destination: Destination, form: Optional[PlainForm], on_event: OnEvent
    ) -> None:
        self._target, self._destination, self._form = target, destination, form
        self._on_event = on_event

    def fetch(self, sources: Sequence[Source], options: Options, overwrite: bool) -> Outcome:
        """All of it, under its final name; what came over the network. Raises as `transfer` does, and DiskError."""
        destination, form = self._destination, self._form
        tidying = Tidying(self._target, destination, self._on_event)
        tidying.before()
        with contextlib.ExitStack() as held:
            if form is not None:
                held.callback(form.close)
                assert isinstance(destination, ArchiveFile)
                form.open(beside=destination.room())
            held.callback(destination.close)
            destination.open()
            outcome = self._fetch(sources, options)
            if self._target.keeps_blobs:
                destination.publish(overwrite)
            if form is not None:
                form.publish(overwrite)
        tidying.after_own()
        return outcome

    def unpack(self, archive: ArchiveFile, tick: float, overwrite: bool) -> None:
        """The plain layers of the finished `archive`; nothing is fetched. Raises ContentError, DiskError."""
        from .follower import Follower
        from .unpacking import Unpackers

        form = self._form
        if form is None:
            return
        follower = Follower(archive.blobs, is_proved=True)
        path = shown_path(archive.path)
        with contextlib.ExitStack() as held:
            store = FinishedArchive(archive.path, archive.plan)
            held.callback(store.close)
            held.callback(form.close)
            form.open()

            def named(layer: PlainLayer) -> str:
                return Message("{}: {}", path, _short(layer))

            with Unpackers(form, store, follower, named, _DAMAGED) as unpackers:
                unpackers.finish(self._on_event, tick)
            form.publish(overwrite)

    def _fetch(self, sources: Sequence[Source], options: Options) -> Outcome:
        destination, form, journal = self._destination, self._form, self._target.journal
        if form is None:
            return fetch(sources, destination, journal, options, self._on_event)
        from .follower import Follower
        from .unpacking import Unpackers

        follower = Follower(destination.blobs)
        with Unpackers(form, destination, follower, _short, _BROKEN) as unpackers:
            outcome = fetch(sources, destination, journal, options, unpackers.follow(self._on_event))
            unpackers.finish(self._on_event, options.tick)
            return outcome


def _short(layer: PlainLayer) -> str:
    return Message("layer {}", layer.blob.digest.short)
