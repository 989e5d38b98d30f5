"""Offer: what there is under an image's name to choose between, before anything is chosen."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence, Tuple

from ..events import OnEvent, ignore
from ..oci.manifest import Index
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..registry.access import Access
from ..transfer.retry import RetryPolicy
from .places import Places
from .resolve import Resolver, Top


class Offer(NamedTuple):
    """`platforms` as the registry lists them, each once; none for an artifact that is no image.

    `own` is the one of them that an engine on this machine runs best, None where it runs none.
    """

    platforms: Tuple[str, ...]
    own: Optional[str]


def offered(
    image: str,
    *,
    mirrors: Sequence[str] = (),
    with_origin: bool = False,
    trust: Optional[str] = None,
    access: Optional[Access] = None,
    retry: Optional[RetryPolicy] = None,
    on_event: OnEvent = ignore,
) -> Offer:
    """The platforms that `image` is there for: one document, and the config of an image that has no index.

    The sources are those of `pull`. Raises UsageError, NotFoundError, AuthError, NetworkError, ContentError.
    """
    reference, host = Reference.parse(image), Platform.of_host()
    places = Places(tuple(mirrors), with_origin, trust)
    with Resolver(reference, places, access or Access(), on_event, retry) as resolver:
        source, document = resolver.named()
        if isinstance(document, Index):
            found = tuple(entry.platform for entry in document.images if entry.platform)
        else:
            only = resolver.image(Top(document, source, None), host, is_asked=False).platform
            found = (only,) if only else ()
    best = max(found, key=host.runs, default=None)  # of equals the first, as a pull takes it
    own = str(best) if best is not None and host.runs(best) else None
    return Offer(tuple(dict.fromkeys(map(str, found))), own)
