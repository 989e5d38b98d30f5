"""Tags: what a repository has."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence

from ..events import OnEvent, ignore
from ..oci.reference import Reference
from ..registry.access import Access
from ..transfer.retry import RetryPolicy
from .places import Places
from .resolve import Resolver


def tags(
    repository: str,
    *,
    mirrors: Sequence[str] = (),
    with_origin: bool = False,
    trust: Optional[str] = None,
    access: Optional[Access] = None,
    retry: Optional[RetryPolicy] = None,
    on_event: OnEvent = ignore,
) -> Iterator[str]:
    """Every tag of `repository` (`[registry/]name`), in the registry's order, page by page as they are taken.

    The sources are those of `pull`: the one that `trust` names gives the list, else the origin where it answers in
    time, else the first that has an answer. `retry`: when to ask again, None for the usual policy.
    Raises UsageError, NotFoundError, AuthError, NetworkError, ContentError.
    """
    places = Places(tuple(mirrors), with_origin, trust)
    with Resolver(Reference.parse(repository), places, access or Access(), on_event, retry) as resolver:
        yield from resolver.tags()
