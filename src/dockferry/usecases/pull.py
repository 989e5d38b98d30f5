"""Pull: an image from a registry, or from mirrors, into one verified archive."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Sequence, Union

from ..archive.archive_file import ArchiveFile
from ..archive.layout_dir import LayoutDir
from ..choices import MAX_THREADS
from ..errors import UsageError
from ..events import Finished, OnEvent, Resolved, Resumed, Warned, ignore
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..registry.access import Access
from ..transfer.engine import Options, transfer
from ..transfer.journal import Journal, Recovered, boot_identity
from ..transfer.ranges import RangeSet
from ..transfer.retry import RetryPolicy
from .resolve import Image, Resolver, Top
from .target import Target, check_output


@dataclass(frozen=True)
class PullResult:
    """`digest` is the platform's manifest's; `size` the layers, `received` what came over the network, in bytes.

    `elapsed` in seconds. `fresh` is False when the archive was there already. `load` is the command that loads it.
    """

    path: Path
    image: str
    digest: str
    platform: str
    size: int
    elapsed: float
    received: int
    fresh: bool
    load: str


def pull(
    image: str,
    *,
    output: Optional[Union[str, Path]] = None,
    mirrors: Sequence[str] = (),
    threads: Optional[int] = None,
    platform: Optional[str] = None,
    format: str = "docker",
    overwrite: bool = False,
    access: Optional[Access] = None,
    retry: Optional[RetryPolicy] = None,
    on_event: OnEvent = ignore,
    tick: float = 0.1,
) -> PullResult:
    """Bring `image` to `output`; come back when it stands there, complete and verified.

    `output`: a file, an existing directory for the default name, or None for that name here. `mirrors`: hosts
    (`HOST[:PORT][/PREFIX]`) to fetch from instead of the image's registry. `threads`: connections, 1 to 20, None to
    let the engine find out. `format`: docker (loads everywhere), oci, or oci-dir. `tick`: seconds between two
    Progress events. Interrupted in any way, the same call goes on where it was.

    Raises UsageError, NotFoundError, AuthError, NetworkError, ContentError, DiskError; KeyboardInterrupt as it comes,
    with state kept.
    """
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"wanted 1 to {MAX_THREADS} threads, got {threads}", remedy="leave it out, or give -t N")
    check_output(output, format)
    began = time.monotonic()
    reference = Reference.parse(image)
    wanted = Platform.parse(platform) if platform else Platform.of_host()
    options = Options(threads, tick, retry or RetryPolicy())
    with Resolver(reference, mirrors, access or Access(), on_event) as resolver:
        top = resolver.top(wanted)
        guess = Target.of(output, format, reference, top.choice.platform if top.choice else wanted)
        found = resolver.image(top, wanted, platform is not None, guess.document)
        target = Target.of(output, format, reference, found.platform)
        with target.locked():
            return _Pull(resolver, found, target, options, on_event, began).run(overwrite)


class _Pull:
    """One resolved image on its way to one locked target."""

    def __init__(
        self,
        resolver: Resolver,
        image: Image,
        target: Target,
        options: Options,
        on_event: OnEvent,
        began: float,
    ) -> None:
        self._resolver, self._image, self._target = resolver, image, target
        self._options, self._on_event, self._began = options, on_event, began
        self._destination = target.destination(image, resolver.reference)

    def run(self, overwrite: bool) -> PullResult:
        if self._target.holds(self._destination):
            with contextlib.suppress(OSError):
                self._target.journal.unlink()  # of a run that was killed right after it published
            return self._finished(0, fresh=False)
        destination = self._destination
        if isinstance(destination, ArchiveFile) and not overwrite:
            self._target.refuse_existing(self._image.manifest.digest)
        self._tell_resolved()
        self._warn_of_old_engines()
        destination.open()
        try:
            received = self._fetch(destination)
            destination.publish(overwrite)
        finally:
            destination.close()
        self._target.forget_journal()
        return self._finished(received, fresh=True)

    def _fetch(self, destination: Union[ArchiveFile, LayoutDir]) -> int:
        """All blobs into the destination, each proved; how many bytes were received."""
        boot = boot_identity()
        blobs = destination.blobs
        recovered = self._recovered(destination, boot)
        journal = Journal.create(self._target.journal, destination.identity, recovered, boot)
        try:
            had = sum(ranges.total for ranges in recovered.had)
            if had:
                self._on_event(Resumed(had, sum(blob.size for blob in blobs)))
            sources = self._resolver.sources
            return transfer(
                blobs, sources, destination, journal, recovered.had, self._options, self._on_event
            ).received
        finally:
            journal.close()

    def _recovered(self, destination: Union[ArchiveFile, LayoutDir], boot: str) -> Recovered:
        """What earlier runs left: by the journal; without one, whole blobs that the hash will prove."""
        blobs = destination.blobs
        nothing: List[RangeSet] = [RangeSet() for _ in blobs]
        found = Journal.recover(self._target.journal, destination.identity, len(blobs), boot)
        if not destination.existed:
            found = Recovered(had=nothing, synced=nothing)
        elif not found.is_known:
            self._on_event(
                Warned("the unfinished file has no readable journal: what it holds is looked through by its hashes")
            )
            found = Recovered(had=[RangeSet([(0, blob.size)]) for blob in blobs], synced=nothing)
        had = [
            RangeSet([(0, blob.size)]) if destination.present(blob) else _within(ranges, blob.size)
            for blob, ranges in zip(blobs, found.had)
        ]
        return Recovered(had=had, synced=[_within(ranges, blob.size) for blob, ranges in zip(blobs, found.synced)])

    def _tell_resolved(self) -> None:
        image, top = self._image, self._image.top
        self._on_event(
            Resolved(
                image=self._resolver.reference.familiar,
                digest=str(image.manifest.digest),
                platform=str(image.platform or ""),
                layers=len(self._destination.blobs),
                size=sum(blob.size for blob in self._destination.blobs),
                source=_names(self._resolver, top),
                target=str(self._target.path),
            )
        )

    def _warn_of_old_engines(self) -> None:
        layers = self._image.manifest.layers
        if self._target.format == "docker" and any("zstd" in layer.media_type for layer in layers):
            self._on_event(
                Warned("this image has layers compressed with zstd, which Docker before 23.0 does not load")
            )

    def _finished(self, received: int, *, fresh: bool) -> PullResult:
        elapsed = time.monotonic() - self._began
        result = PullResult(
            path=self._target.path,
            image=self._resolver.reference.familiar,
            digest=str(self._image.manifest.digest),
            platform=str(self._image.platform or ""),
            size=sum(blob.size for blob in self._destination.blobs),
            elapsed=elapsed,
            received=received,
            fresh=fresh,
            load=self._target.load_command,
        )
        self._on_event(
            Finished(
                image=result.image,
                target=str(result.path),
                digest=result.digest,
                size=result.size,
                elapsed=elapsed,
                received=received,
                speed=received / elapsed if elapsed > 0 else 0.0,
                source=_names(self._resolver, self._image.top),
                fresh=fresh,
                load=result.load,
            )
        )
        return result


def _names(resolver: Resolver, top: Top) -> str:
    return ", ".join(source.name for source in resolver.sources) or top.source.name


def _within(ranges: RangeSet, size: int) -> RangeSet:
    """A journal may claim nonsense: only what the blob has."""
    return RangeSet((start, min(end, size)) for start, end in ranges)
