"""Tags: what a repository has."""

from __future__ import annotations

from typing import Iterator, Optional, Sequence

from ..events import OnEvent, ignore
from ..oci.reference import Reference
from ..registry.access import Access
from .resolve import Resolver


def tags(
    repository: str, *, mirrors: Sequence[str] = (), access: Optional[Access] = None, on_event: OnEvent = ignore
) -> Iterator[str]:
    """Every tag of `repository` (`[registry/]name`), in the registry's order, page by page as they are taken.

    With `mirrors` the first of them is asked instead of the registry. Raises UsageError, NotFoundError, AuthError,
    NetworkError, ContentError.
    """
    with Resolver(Reference.parse(repository), mirrors[:1], access or Access(), on_event) as resolver:
        yield from resolver.sources[0].tags()
