"""Resolve: from a reference and a platform to the one manifest that is meant, and where it can be fetched."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from typing import Callable, Iterator, NamedTuple, Optional, Tuple, TypeVar

from ..errors import ContentError, NotFoundError
from ..events import OnEvent, Warned
from ..message import Message
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..oci.manifest import ImageConfig, Index, Manifest, parse_config, parse_manifest
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..oci.strict_json import MAX_MANIFEST
from ..registry.access import Access
from ..registry.repository import Repository
from ..transfer.retry import RetryPolicy
from ..transfer.sharing import Sharing
from .agreement import Document, agreed
from .canvass import Answer, Question, canvass
from .in_turn import InTurn
from .patience import Patience, patiently
from .places import Places, open_places

T = TypeVar("T")

GRACE = 5.0
"""Seconds that the other sources get to say what a tag is, after the first has; less where a connection gets less."""

_BROKEN = Message("the image is broken where it was published: choose another tag, or tell its publisher")
_MAX_NESTING = 3
"""An index in an index is allowed by the spec and seen nowhere; a cycle cannot hash, but a chain can be long."""

Local = Callable[[Digest, int], Optional[bytes]]
"""Documents at hand: the bytes of a digest (at most so many), or None."""


def nothing_local(digest: Digest, limit: int) -> Optional[bytes]:
    return None


class Top(NamedTuple):
    """What the reference names: `document` as served by `source`, one request."""

    document: Document
    source: Repository
    choice: Optional[Descriptor]
    """The entry of an index that was chosen, None for a plain manifest."""


class Image(NamedTuple):
    """One platform's image. `config` is None for an artifact that is no image; `config_raw` is its bytes."""

    top: Top
    manifest: Manifest
    config_raw: bytes
    config: Optional[ImageConfig]
    platform: Optional[Platform]


class Resolver:
    """The repositories of one reference, open: its origin, mirrors, or both. A context manager.

    `retry`: when to ask again, None for the usual policy.
    """

    def __init__(
        self,
        reference: Reference,
        places: Places,
        access: Access,
        on_event: OnEvent,
        retry: Optional[RetryPolicy] = None,
    ) -> None:
        self.reference = reference
        self._on_event = on_event
        self._policy = retry or RetryPolicy()
        self._grace = min(GRACE, access.connect_timeout)
        self._stack = ExitStack()
        opened = open_places(reference, places, access, on_event, self._stack)
        self.sources = list(opened.sources)
        self._origin, self._trusted = opened.origin, opened.trusted
        self._in_turn = InTurn(self.sources, self._policy, on_event)

    def __enter__(self) -> Resolver:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """What still waits for a host that has not answered is woken, and ends. What is wrong by then, and nothing is
        known to help, is the image itself."""
        for source in self.sources:
            source.abort()
        self._stack.close()
        if isinstance(error, ContentError) and not error.remedy:
            error.remedy = _BROKEN

    def top(self, platform: Platform) -> Top:
        """What the reference names. One request where there is one source and all is well.

        A digest is what the first source that has it gives. Of a tag all sources are asked at once, and have to say
        the same (see `agreed`), or the one that is trusted is asked alone.

        Raises NotFoundError (also for a platform that is not there), AuthError, NetworkError, ContentError.
        """
        what = self.reference.familiar
        source, document = self.named()
        choice = document.choose(platform, what) if isinstance(document, Index) else None
        return Top(document, source, choice)

    def named(self) -> Tuple[Repository, Document]:
        """What the reference names, of all platforms, and who said so. See `top`, which chooses from it."""

        def ask(source: Repository) -> Document:
            return source.manifest(self.reference.manifest_name)

        is_tag = self.reference.digest is None
        if is_tag and self._trusted is not None:
            return self._in_turn.ask(ask, self.reference.familiar, self._trusted)
        if len(self.sources) == 1:
            return self._in_turn.ask(ask, self.reference.familiar)
        question = Question(self.reference.familiar, ask, self._grace if is_tag else 0.0, self._is_no_such_tag)
        answers = canvass(question, self.sources, self._policy, self._on_event)
        if is_tag:
            source, document = agreed(self.reference, answers, self._origin)
        else:
            source, document = next((one.source, one.value) for one in answers if one.value is not None)
        self._in_turn.answered(source)
        return source, document

    def _is_no_such_tag(self, answer: Answer[Document]) -> bool:
        """The origin makes the tags: when it has none, no mirror need be waited for."""
        is_origin = answer.source is self._origin and self.reference.digest is None
        return is_origin and isinstance(answer.error, NotFoundError)

    def image(
        self,
        top: Top,
        platform: Platform,
        is_asked: bool,
        local: Local = nothing_local,
        connections: int = 0,
        sharing: Optional[Sharing] = None,
    ) -> Image:
        """The platform's manifest and config; what `local` has is not fetched. `is_asked`: the user named it.

        `connections`: how many the layers will be asked for over, shared as `sharing` says. Far away they are opened
        while the config is waited for, unless that is at hand, and the layers with it, as it seems.
        """
        manifest = self._manifest(top, platform, local)
        config_raw = local(manifest.config.digest, MAX_MANIFEST)
        if config_raw is None:
            if connections:
                self._open_ahead(min(connections, _requests(manifest, sharing)))
            config_raw = self._ask(lambda source: source.blob_bytes(manifest.config, MAX_MANIFEST))
        config = (
            parse_config(config_raw, Message("config of {}", self.reference.familiar)) if manifest.is_image else None
        )
        found = config.platform if config and config.platform.os else top.choice.platform if top.choice else None
        if top.choice is None and found is not None and not platform.runs(found):
            if is_asked:
                raise NotFoundError(
                    "{}: wanted platform {}, got only {}",
                    self.reference.familiar,
                    platform,
                    found,
                    remedy=Message("use --platform {}", found),
                )
            self._on_event(
                Warned(Message("{} is there for {} only, not for {}", self.reference.familiar, found, platform))
            )
        return Image(top, manifest, config_raw, config, found)

    def _open_ahead(self, connections: int) -> None:
        """At the source that will be asked for the config, which has answered just now: its share of so many."""
        self._in_turn.first.open_ahead(-(-connections // len(self.sources)))

    def _manifest(self, top: Top, platform: Platform, local: Local) -> Manifest:
        document: Document = top.document
        choice = top.choice
        for _ in range(_MAX_NESTING):
            if isinstance(document, Manifest):
                return document
            choice = choice or document.choose(platform, self.reference.familiar)
            document = self._by_digest(choice, local)
            got = len(document.raw)
            if got != choice.size:
                raise ContentError(
                    "{}: {}: wanted {} bytes, got {}", self.reference.familiar, choice.digest, choice.size, got
                )
            choice = None
        raise ContentError("{}: indexes nested deeper than {}", self.reference.familiar, _MAX_NESTING)

    def _by_digest(self, choice: Descriptor, local: Local) -> Document:
        raw = local(choice.digest, MAX_MANIFEST)
        if raw is not None:
            return parse_manifest(raw, choice.media_type, self.reference.familiar)
        return self._ask(lambda source: source.manifest(str(choice.digest)))

    def _ask(self, question: Callable[[Repository], T]) -> T:
        """Of what is named by a digest any source may be asked."""
        return self._in_turn.ask(question, self.reference.familiar)[1]

    def tags(self) -> Iterator[str]:
        """All tags, page by page, from one source: the one that is trusted; else the origin, which makes the tags,
        where it answers in time; else the first that has an answer.
        """
        if self._trusted is not None or len(self.sources) == 1:
            return self._in_turn.ask(self._begun_tags, self._tags, self._trusted)[1]
        question = Question(self._tags, self._begun_tags, self._grace)
        answers = canvass(question, self.sources, self._policy, self._on_event)
        lists = [answer for answer in answers if answer.value is not None]
        found = next((answer for answer in lists if answer.source is self._origin), lists[0]).value
        assert found is not None
        return found

    def _begun_tags(self, source: Repository) -> Iterator[str]:
        """The first page is here, asked for once; the others are asked for with patience."""
        is_begun = False

        def ask(call: Callable[[], T]) -> T:
            if not is_begun:
                return call()
            return patiently(call, source.name, Patience(self._tags, self._policy, self._on_event, is_known=True))

        tags = source.tags(ask)
        first = list(itertools.islice(tags, 1))
        is_begun = True
        return itertools.chain(first, tags)

    @property
    def _tags(self) -> str:
        return Message("tags of {}", self.reference.familiar_repository)


def _requests(manifest: Manifest, sharing: Optional[Sharing]) -> int:
    """As many as can be of use at once, for the layers."""
    from ..transfer.scheduler import Rules  # which nobody needs where all is there already

    rules = Rules.of(sharing or Sharing())
    shared = (layer.size // rules.shared_min for layer in manifest.layers if layer.size >= rules.share_from)
    return len(manifest.layers) + sum(shared)
