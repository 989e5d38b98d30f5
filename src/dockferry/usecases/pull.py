"""Pull: an image from a registry, or from mirrors, into one verified archive."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Sequence, Tuple, Union

from ..archive.archive_file import ArchiveFile
from ..archive.plain_form import PlainForm
from ..choices import MAX_THREADS
from ..errors import UsageError
from ..events import Finished, OnEvent, Resolved, SourceReport, Warned, ignore
from ..message import Message
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..registry.access import Access
from ..system.paths import plain
from ..transfer.governor import START
from ..transfer.retry import RetryPolicy
from ..transfer.sharing import Sharing
from .hold import hold_target
from .places import Places
from .resolve import Image, Resolver, Top
from .standing import Standing, refuse_existing, standing_document
from .target import Target, check_output
from .tidying import Tidying

if TYPE_CHECKING:
    from ..transfer.engine import Options, Outcome


@dataclass(frozen=True)
class PullResult:
    """`digest` is the platform's manifest's; `size` the layers, `received` what came over the network, in bytes.

    `elapsed` in seconds. `fresh` is False when the archive was there already. `load` is the command that loads it.
    `sources`: what each of them did, in the order given; none where nothing was fetched. `layers`: the directory of
    plain layers, None where none was wanted.
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
    sources: Tuple[SourceReport, ...] = ()
    layers: Optional[Path] = None


def pull(
    image: str,
    *,
    output: Optional[Union[str, Path]] = None,
    mirrors: Sequence[str] = (),
    with_origin: bool = False,
    trust: Optional[str] = None,
    threads: Optional[int] = None,
    platform: Optional[str] = None,
    format: str = "docker",
    with_layers: bool = False,
    overwrite: bool = False,
    access: Optional[Access] = None,
    retry: Optional[RetryPolicy] = None,
    sharing: Optional[Sharing] = None,
    on_event: OnEvent = ignore,
    tick: float = 0.1,
) -> PullResult:
    """Bring `image` to `output`; come back when it stands there, complete and verified.

    `output`: a file, an existing directory for the default name, or None for that name here. `mirrors`: hosts
    (`HOST[:PORT][/PREFIX]`) to fetch from instead of the image's registry, or, `with_origin`, besides. `trust`: the
    source whose word a tag is, None where all must agree. `threads`: connections, 1 to 20, None to let the engine
    find out. `platform`: `OS/ARCH[/VARIANT]`, None for Linux on this machine's architecture. `format`: docker (loads
    everywhere), oci, oci-dir, docker-legacy (a tar of plain layers, for engines before 20.10), or layers (a directory
    of plain layers, `NAME_layers/<12 digits>/layer.tar`). `with_layers`: that directory beside an archive of format
    docker or oci. `overwrite`: replace another file of that name, and this archive if damaged. `access`: login,
    trust and proxy. `retry`: when to try again, None for 20 tries. `sharing`: how layers are divided between
    connections, None for what the engine finds best. `on_event` is called in this thread, with Progress every `tick`
    seconds.

    Interrupted in any way, the same call goes on where it was. Raises UsageError, NotFoundError, AuthError,
    NetworkError, ContentError, DiskError; KeyboardInterrupt as it comes, with state kept.
    """
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        raise UsageError("wanted 1 to {} threads, got {}", MAX_THREADS, threads, remedy="leave it out, or give -t N")
    check_output(output, format, with_layers)
    began = time.monotonic()
    reference = Reference.parse(image)
    wanted = Platform.parse(platform) if platform else Platform.of_host()
    places = Places(tuple(mirrors), with_origin, trust)
    with Resolver(reference, places, access or Access(), on_event, retry) as resolver:
        top = resolver.top(wanted)
        guess = Target.of(output, format, reference, top.choice.platform if top.choice else wanted)
        at_hand = partial(standing_document, guess)
        found = resolver.image(top, wanted, platform is not None, at_hand, threads or START, sharing)
        target = Target.of(output, format, reference, found.platform, with_layers)
        job = _Pull(resolver, found, target, on_event, began)
        done = None if overwrite else job.maybe_done()
        return done or job.run(overwrite, threads, tick, retry or RetryPolicy(), sharing or Sharing())


class _Pull:
    """One resolved image on its way to one target."""

    def __init__(self, resolver: Resolver, image: Image, target: Target, on_event: OnEvent, began: float) -> None:
        self._resolver, self._image, self._target = resolver, image, target
        self._on_event, self._began = on_event, began
        self._destination = target.destination(image, resolver.reference)
        self._form = target.plain_form(image, resolver.reference)
        self._tidying = Tidying(target, self._destination, on_event)

    def maybe_done(self) -> Optional[PullResult]:
        """The result, if just this stands under its name already."""
        if not self._standing(prove=False).is_all:
            return None
        self._tidying.after_another()
        return self._finished(0, (), fresh=False)

    def run(
        self, overwrite: bool, threads: Optional[int], tick: float, retry: RetryPolicy, sharing: Sharing
    ) -> PullResult:
        """Fetch and publish what does not stand there, with `overwrite` proved, as the only one who does so."""
        from ..transfer.engine import Options
        from ..transfer.scheduler import Rules

        outcome = None
        with hold_target(self._target):
            standing = self._standing(prove=overwrite)
            if not standing.is_all:
                outcome = self._make(standing, overwrite, Options(threads, tick, retry, Rules.of(sharing)))
            if outcome is None:
                self._tidying.after_another_held()
        if outcome is None:
            return self._finished(0, (), fresh=False)
        return self._finished(outcome.received, outcome.sources, fresh=True)

    def _standing(self, prove: bool) -> Standing:
        return Standing.of(self._target, self._destination, self._form, prove)

    def _make(self, standing: Standing, overwrite: bool, options: Options) -> Optional[Outcome]:
        """What is missing; None where nothing had to be fetched, as layers alone were, and the archive has them.

        A tree that stands there already is not made again, only because the archive has to be.
        """
        from .making import Making

        form = None if standing.form else self._form
        if form is not None and not self._can_unpack(form):
            form = self._form = None
        if form is not None:
            form.refuse_existing(self._resolver.reference, overwrite)
        making = Making(self._target, self._destination, form, self._on_event)
        if standing.archive and isinstance(self._destination, ArchiveFile):
            making.unpack(self._destination, options.tick, overwrite)
            return None
        if not overwrite:
            refuse_existing(self._target, self._resolver.reference, self._image.manifest.digest)
        self._tell_resolved()
        self._warn_of_old_engines()
        return making.fetch(self._resolver.sources, options, overwrite)

    def _can_unpack(self, form: PlainForm) -> bool:
        """Where an archive is wanted too that is made all the same: its layers can be unpacked from it later."""
        from .unpacking import check_decompressors

        try:
            check_decompressors(form.layers, self._resolver.reference.familiar)
        except UsageError as error:
            if not self._target.keeps_blobs:
                raise
            self._on_event(Warned(Message("{}; the archive is made without its layers beside it", error.line)))
            return False
        return True

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
                target=str(plain(self._target.path)),
            )
        )

    def _warn_of_old_engines(self) -> None:
        layers = self._image.manifest.layers
        if self._target.format == "docker" and any("zstd" in layer.media_type for layer in layers):
            self._on_event(
                Warned(
                    "this image has layers compressed with zstd, which Docker before 23.0 does not load: "
                    "--format docker-legacy unpacks them"
                )
            )

    def _finished(self, received: int, sources: Tuple[SourceReport, ...], *, fresh: bool) -> PullResult:
        elapsed, tree = time.monotonic() - self._began, self._target.tree
        result = PullResult(
            path=plain(self._target.path),
            image=self._resolver.reference.familiar,
            digest=str(self._image.manifest.digest),
            platform=str(self._image.platform or ""),
            size=sum(blob.size for blob in self._destination.blobs),
            elapsed=elapsed,
            received=received,
            fresh=fresh,
            load=self._target.load_command(self._resolver.reference),
            sources=sources,
            layers=plain(tree) if tree is not None and self._form is not None else None,
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
                tree=str(result.layers or ""),
            )
        )
        return result


def _names(resolver: Resolver, top: Top) -> str:
    return ", ".join(source.name for source in resolver.sources) or top.source.name
