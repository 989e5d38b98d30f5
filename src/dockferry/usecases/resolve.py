"""Resolve: from a reference and a platform to the one manifest that is meant, and where it can be fetched."""

from __future__ import annotations

import functools
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple, TypeVar, Union

from ..errors import AuthError, ContentError, DockferryError, NetworkError, NotFoundError
from ..events import OnEvent, Warned
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..oci.manifest import ImageConfig, Index, Manifest, parse_config, parse_manifest
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..oci.strict_json import MAX_MANIFEST
from ..registry.access import Access
from ..registry.credentials import CredentialStore
from ..registry.endpoint import Endpoint
from ..registry.repository import Repository, open_repository
from .patience import DOCUMENTS, ONCE, patiently

T = TypeVar("T")

_MAX_NESTING = 3
"""An index in an index is allowed by the spec and seen nowhere; a cycle cannot hash, but a chain can be long."""

Local = Callable[[Digest, int], Optional[bytes]]
"""Documents at hand: the bytes of a digest (at most so many), or None."""


def nothing_local(digest: Digest, limit: int) -> Optional[bytes]:
    return None


@dataclass(frozen=True)
class Top:
    """What the reference names: `document` as served by `source`, one request."""

    document: Union[Manifest, Index]
    source: Repository
    choice: Optional[Descriptor]
    """The entry of an index that was chosen, None for a plain manifest."""


@dataclass(frozen=True)
class Image:
    """One platform's image. `config` is None for an artifact that is no image; `config_raw` is its bytes."""

    top: Top
    manifest: Manifest
    config_raw: bytes
    config: Optional[ImageConfig]
    platform: Optional[Platform]


class Resolver:
    """The repositories of one reference, open: its origin, or the mirrors given instead. A context manager."""

    def __init__(self, reference: Reference, mirrors: Sequence[str], access: Access, on_event: OnEvent) -> None:
        self.reference = reference
        self._on_event = on_event
        own = Endpoint.of_mirror(mirrors[0], access).authority if mirrors else reference.registry
        store = CredentialStore(own, access.username, access.password)
        places: Sequence[Optional[str]] = mirrors or (None,)
        self.sources = [open_repository(reference, mirror, access, store) for mirror in places]
        self._order = list(self.sources)
        for problem in store.problems:
            on_event(Warned(problem))
        self._stack = ExitStack()
        for source in self.sources:
            self._stack.callback(source.close)

    def __enter__(self) -> Resolver:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def top(self, platform: Platform) -> Top:
        """What the reference names, by the first source that answers. One request where all is well.

        Raises NotFoundError (also for a platform that is not there), AuthError, NetworkError, ContentError.
        """
        what = self.reference.familiar
        source, document = self._first(lambda source: source.manifest(self.reference.manifest_name))
        choice = document.choose(platform, what) if isinstance(document, Index) else None
        return Top(document, source, choice)

    def image(self, top: Top, platform: Platform, is_asked: bool, local: Local = nothing_local) -> Image:
        """The platform's manifest and config; what `local` has is not fetched. `is_asked`: the user named it."""
        manifest = self._manifest(top, platform, local)
        at_hand = local(manifest.config.digest, MAX_MANIFEST)
        config_raw = at_hand or self._first(lambda source: source.blob_bytes(manifest.config, MAX_MANIFEST))[1]
        config = parse_config(config_raw, f"config of {self.reference.familiar}") if manifest.is_image else None
        found = config.platform if config and config.platform.os else top.choice.platform if top.choice else None
        if top.choice is None and found is not None and not platform.runs(found):
            if is_asked:
                raise NotFoundError(
                    f"{self.reference.familiar}: wanted platform {platform}, got only {found}",
                    remedy=f"use --platform {found}",
                )
            self._on_event(Warned(f"{self.reference.familiar} is there for {found} only, not for {platform}"))
        return Image(top, manifest, config_raw, config, found)

    def _manifest(self, top: Top, platform: Platform, local: Local) -> Manifest:
        document: Union[Manifest, Index] = top.document
        choice = top.choice
        for _ in range(_MAX_NESTING):
            if isinstance(document, Manifest):
                return document
            choice = choice or document.choose(platform, self.reference.familiar)
            document = self._by_digest(choice, local)
            got = len(document.raw)
            if got != choice.size:
                raise ContentError(
                    f"{self.reference.familiar}: {choice.digest}: wanted {choice.size} bytes, got {got}"
                )
            choice = None
        raise ContentError(f"{self.reference.familiar}: indexes nested deeper than {_MAX_NESTING}")

    def _by_digest(self, choice: Descriptor, local: Local) -> Union[Manifest, Index]:
        raw = local(choice.digest, MAX_MANIFEST)
        if raw is not None:
            return parse_manifest(raw, choice.media_type, self.reference.familiar)
        return self._first(lambda source: source.manifest(str(choice.digest)))[1]

    def _first(self, ask: Callable[[Repository], T]) -> Tuple[Repository, T]:
        """A source's answer: of the one that answered last, or of the first after it that has one.

        Only when none has an answer, those that may have one later are waited for. Raises the first error.
        """
        first: Optional[DockferryError] = None
        asked = self._order
        for policy in (ONCE, DOCUMENTS) if len(asked) > 1 else (DOCUMENTS,):
            later: List[Repository] = []
            for source in asked:
                call = functools.partial(ask, source)
                try:
                    found = patiently(call, self.reference.familiar, source.name, self._on_event, policy)
                except (NetworkError, NotFoundError, AuthError, ContentError) as error:
                    first = first or error
                    if error.is_retryable:
                        later.append(source)
                    if source is not asked[-1]:
                        self._on_event(Warned(f"{error}; asking the next source"))
                else:
                    self._order = [source, *(other for other in self._order if other is not source)]
                    return source, found
            asked = later
        assert first is not None
        raise first
