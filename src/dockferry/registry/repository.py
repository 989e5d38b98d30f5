"""Repository: one image repository at one registry or mirror: its manifests, blobs and tags.

OCI distribution spec, "Pull". It is a `Source` of blobs, as `transfer` wants them.
"""

from __future__ import annotations

import functools
from typing import Callable, Iterator, List, Optional, Tuple, Union

from ..errors import ContentError, ReplyError, remedied
from ..message import Message
from ..oci.descriptor import INDEX_TYPES, MANIFEST_TYPES, Descriptor
from ..oci.digest import Digest
from ..oci.manifest import Index, Manifest, parse_manifest
from ..oci.reference import Reference, is_tag
from ..oci.strict_json import AN_HTML_PAGE, MAX_MANIFEST, TO_THE_PAGE, parse_object
from ..text import clean
from ..transfer.protocols import Hold, unheld
from .access import Access
from .blobs import BlobOpener
from .credentials import CredentialStore
from .delivery import BlobDelivery, EmptyDelivery
from .endpoint import Endpoint
from .links import next_page
from .realm import parse_token_host
from .session import Session, exchange_over
from .tokens import Authorizer
from .transport import Reply, Transport

_ACCEPT = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
_TAGS_PAGE = 1000
_MAX_PAGES = 1000

Page = Tuple[bytes, Tuple[str, ...]]
"""A page of a list as it came, and its Link fields."""


def at_once(call: Callable[[], Page]) -> Page:
    return call()


class Repository:
    """`name` is the host (and prefix) for people. `path` is the repository's name there; used by all threads."""

    def __init__(self, endpoint: Endpoint, repository: str, transport: Transport, session: Session) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._repository = repository
        self._transport = transport
        self._session = session
        self._blobs = BlobOpener(session, repository)

    def open(self, blob: Descriptor, start: int, end: int, hold: Hold = unheld) -> Union[BlobDelivery, EmptyDelivery]:
        """Ask for bytes `start` to `end` (exclusive) of `blob`; a blob without bytes needs no request.

        A server that ignores ranges gives a delivery from 0; `hold` is as in `Source.open`. Raises NetworkError
        (BusyError with the time the host asks for), AuthError, NotFoundError.
        """
        if blob.size == 0:
            return EmptyDelivery()
        assert 0 <= start < end <= blob.size
        return self._blobs.open(blob, start, end, hold)

    def manifest(self, name: str) -> Union[Manifest, Index]:
        """The document that tag or digest `name` stands for, proved where `name` is a digest.

        Raises NotFoundError, AuthError, NetworkError; ContentError for what is no manifest, or not the one named.
        """
        what = Message("manifest {}", f"{self._repository}{'@' if ':' in name else ':'}{name}")
        url = self._endpoint.manifest_url(self._repository, name)
        reply = self._session.fetch(url, {"Accept": _ACCEPT})
        raw = self._document(reply, what)
        named = Message("{}: {}", self.name, what)
        wanted = [name] if ":" in name else [*reply.headers.all("docker-content-digest")]
        with remedied(ReplyError.usual):
            for text in wanted:
                _check(raw, Digest.parse(text), named)
            return parse_manifest(raw, reply.headers.get("content-type"), named)

    def blob_bytes(self, blob: Descriptor, limit: int) -> bytes:
        """All of a small blob, such as a config, proved. Raises ContentError, and what `open` raises."""
        what = Message("{}: blob {}", self.name, blob.digest.short)
        if blob.size > limit:
            raise ContentError("{}: wanted at most {} bytes, got a descriptor of {}", what, limit, blob.size)
        buffer = bytearray(blob.size)
        delivery = self.open(blob, 0, blob.size)
        try:
            view, filled = memoryview(buffer), 0
            count = 1
            while count:
                count = delivery.readinto(view[filled:])
                filled += count
        finally:
            delivery.close()
        data = bytes(buffer)
        with remedied(ReplyError.usual):
            _check(data, blob.digest, what)
        return data

    def tags(self, ask: Callable[[Callable[[], Page]], Page] = at_once) -> Iterator[str]:
        """Every tag of the repository, in the registry's order; what cannot be a tag is left out.

        `ask` makes each page's request, and may make it again.
        Raises NotFoundError, AuthError, NetworkError, ContentError.
        """
        what = Message("tags of {}", self._repository)
        url: Optional[str] = self._endpoint.tags_url(self._repository, _TAGS_PAGE)
        for _ in range(_MAX_PAGES):
            assert url is not None
            raw, links = ask(functools.partial(self._page, url, what))
            with remedied(ReplyError.usual):
                tags = _tags_in(raw, Message("{}: {}", self.name, what))
            yield from tags
            following = next_page(url, links)
            if following is None:
                return
            if following == url:
                raise ReplyError("{}: {}: a page of the list names itself as the next", self.name, what)
            url = following
        raise ReplyError("{}: {}: wanted at most {} pages, got more", self.name, what, _MAX_PAGES)

    def _page(self, url: str, what: str) -> Page:
        reply = self._session.fetch(url, {"Accept": "application/json"})
        return self._document(reply, what), reply.headers.all("link")

    def open_ahead(self, count: int) -> None:
        """Where the host is far away, begin to open connections for `count` requests that will come at once."""
        self._transport.open_ahead(self._endpoint.base_url(), count)

    def abort(self) -> None:
        """From any thread, for good: who waits for this host comes back at once, with NetworkError."""
        self._transport.abort()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._transport.close()

    def _document(self, reply: Reply, what: str) -> bytes:
        """The body of a 200, at most MAX_MANIFEST bytes (and one, which shows that there are more)."""
        if reply.status != 200:
            raise self._session.refused(reply, what)
        reply.body.what = what
        try:
            return reply.body.read(MAX_MANIFEST + 1)
        finally:
            reply.body.close()


def open_repository(
    reference: Reference, mirror: Optional[str], access: Access, store: CredentialStore
) -> Repository:
    """The repository of `reference` at its origin, or at `mirror` (`[http[s]://]HOST[:PORT][/PREFIX]`).

    `store` is asked for the login of exactly this host. Nothing is requested yet. Raises UsageError.
    """
    if mirror is None:
        endpoint = Endpoint.of_registry(reference.registry, access)
        owner = reference.registry
    else:
        endpoint = Endpoint.of_mirror(mirror, access)
        owner = endpoint.authority
    transport = Transport(access, endpoint.origin, is_written=endpoint.is_written)
    authorizer = Authorizer(
        endpoint.authority,
        endpoint.scheme,
        f"repository:{endpoint.path(reference.repository)}:pull",
        store.find(owner),
        functools.partial(exchange_over, transport),
        token_hosts=tuple(map(parse_token_host, access.token_hosts)),
    )
    return Repository(endpoint, reference.repository, transport, Session(endpoint, transport, authorizer))


def _check(raw: bytes, digest: Digest, what: str) -> None:
    got = Digest.of(raw, digest.algorithm)
    if got != digest:
        if raw.lstrip()[:1] == b"<":
            raise ContentError(
                "{}: wanted {}, got {} bytes with {}: {}",
                what,
                digest,
                len(raw),
                got,
                AN_HTML_PAGE,
                remedy=TO_THE_PAGE,
            )
        raise ContentError("{}: wanted {}, got {} bytes with {}", what, digest, len(raw), got)


def _tags_in(raw: bytes, what: str) -> List[str]:
    tags = parse_object(raw, what).get("tags")
    if tags is not None and not isinstance(tags, list):
        raise ContentError("{}: wanted a list of tags, got {}", what, clean(type(tags).__name__))
    return [tag for tag in tags or () if isinstance(tag, str) and is_tag(tag)]
