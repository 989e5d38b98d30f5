"""Places: where an image is fetched from: its origin, mirrors, or both; and whose word a tag is."""

from __future__ import annotations

from contextlib import ExitStack
from typing import List, NamedTuple, Optional, Tuple

from ..errors import UsageError
from ..events import OnEvent, Warned
from ..oci.reference import Reference
from ..registry.access import Access
from ..registry.credentials import CredentialStore
from ..registry.endpoint import Endpoint
from ..registry.repository import Repository, open_repository
from ..text import clean


class Places(NamedTuple):
    """`mirrors` as `[http[s]://]HOST[:PORT][/PREFIX]`. Without any the origin is the one source, else it is one
    where `with_origin` says so. `trust` names the source that says what a tag means; None: all have to agree."""

    mirrors: Tuple[str, ...] = ()
    with_origin: bool = False
    trust: Optional[str] = None

    @property
    def has_origin(self) -> bool:
        return self.with_origin or not self.mirrors


class Opened(NamedTuple):
    """The `sources`, each once, the origin first. `origin` and `trusted` are among them, or None."""

    sources: Tuple[Repository, ...]
    origin: Optional[Repository]
    trusted: Optional[Repository]


def open_places(reference: Reference, places: Places, access: Access, on_event: OnEvent, stack: ExitStack) -> Opened:
    """All of them, closed with `stack`; nothing is requested yet.

    The login that `access` has belongs to the origin where that is a source, else to the first mirror; every other
    host has what the user's stores hold for it. Raises UsageError.
    """
    owner = reference.registry if places.has_origin else Endpoint.of_mirror(places.mirrors[0], access).authority
    store = CredentialStore(owner, access.username, access.password)
    sources: List[Repository] = []
    wanted: Tuple[Optional[str], ...] = ((None,) if places.has_origin else ()) + places.mirrors
    for place in wanted:
        repository = open_repository(reference, place, access, store)
        stack.callback(repository.close)
        if all(repository.name != other.name for other in sources):
            sources.append(repository)
    for problem in store.problems:
        on_event(Warned(problem))
    origin = sources[0] if places.has_origin else None
    return Opened(tuple(sources), origin, _trusted(reference, places.trust, sources, origin))


def _trusted(
    reference: Reference, trust: Optional[str], sources: List[Repository], origin: Optional[Repository]
) -> Optional[Repository]:
    """The origin goes by its own name too, and by that which an image's name has for it."""
    if trust is None:
        return None
    if origin is not None and trust.lower() == reference.registry:
        return origin
    wanted = trust.rpartition("://")[2].rstrip("/").lower()
    for source in sources:
        if source.name == wanted:
            return source
    names = ", ".join(source.name for source in sources)
    raise UsageError(
        "{}: wanted to trust one of {}, got {}",
        reference.familiar,
        names,
        clean(repr(trust), 100),
        remedy="trust a host that is fetched from, or give the image's digest",
    )
