"""Document: what a configuration file says, from its text to frozen values, strictly: pure.

A key that is not known is refused, as are a wrong type, a number out of bounds and a registry named twice: a file
that is half understood would be worse than none.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import UsageError
from ..guess import did_you_mean
from ..message import Message
from ..oci.reference import Reference
from ..registry.access import Access
from ..registry.endpoint import Endpoint
from ..text import clean
from .checks import from_value
from .table import BY_NAME, MANUAL_NAMES

_REGISTRY_KEYS = ("mirrors", "origin", "trust")


class Mirrored(NamedTuple):
    """Where a registry's images are fetched from: `mirrors` (`[http[s]://]HOST[:PORT][/PREFIX]`), and the `origin`
    itself unless that is False. `trust` names the one whose word a tag is, None where all must agree."""

    mirrors: Tuple[str, ...] = ()
    origin: bool = True
    trust: Optional[str] = None


@dataclass(frozen=True)
class Document:
    """`path` for people. `registries` by their names as a reference has them (`docker.io`, `host:port`)."""

    path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    registries: Mapping[str, Mirrored] = field(default_factory=dict)


def parse_document(text: str, path: str) -> Document:
    """`path` is for messages. Raises UsageError: one line with file and key."""
    values: Dict[str, Any] = {}
    registries: Dict[str, Mirrored] = {}
    for key, value in _table_of(text, path).items():
        if key == "registries":
            registries = _registries(value, f"{path}: registries")
        elif key in BY_NAME:
            values[key] = from_value(BY_NAME[key], value, f"{path}: {key}")
        else:
            raise _unknown(path, key, [*BY_NAME, "registries"], MANUAL_NAMES.get(key.lower(), ()))
    return Document(path, values, registries)


def _table_of(text: str, path: str) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        try:
            import tomli as tomllib
        except ImportError:
            raise UsageError(
                "{}: wanted the library tomli to read it, got none", path, remedy="pip install tomli"
            ) from None
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(
            "{}: wanted TOML, got {}",
            path,
            clean(str(error) or type(error).__name__),
            remedy='text, and a size with its unit, stand in quotes: share_from = "500MiB"; see toml.io',
        ) from None


def _registries(value: object, where: str) -> Dict[str, Mirrored]:
    found: Dict[str, Mirrored] = {}
    for name, table in _table(value, where).items():
        here = f'{where}."{clean(name, 100)}"'
        registry = _registry_name(name, here)
        if registry in found:
            raise UsageError("{}: this is {}, which is there already", here, registry, remedy="keep one of them")
        found[registry] = _mirrored(_table(table, here), here)
    return found


def _registry_name(name: str, where: str) -> str:
    """As a reference names it, whatever Docker Hub's other names are."""
    try:
        reference = Reference.parse(f"{name}/one/image")
        if reference.repository == "one/image":
            return reference.registry
    except UsageError:
        pass
    raise UsageError(
        "{}: wanted HOST[:PORT], as it stands in an image's name",
        where,
        remedy='write it in quotes, like [registries."docker.io"]',
    )


def _mirrored(table: Mapping[str, Any], where: str) -> Mirrored:
    for key in table:
        if key not in _REGISTRY_KEYS:
            raise _unknown(where, key, _REGISTRY_KEYS)
    mirrors = table.get("mirrors", [])
    if not isinstance(mirrors, list):
        raise UsageError("{}.mirrors: wanted a list of mirrors", where, remedy='like ["m.example", "n.example/hub"]')
    for mirror in mirrors:
        _check_mirror(mirror, f"{where}.mirrors")
    origin = table.get("origin", True)
    if not isinstance(origin, bool):
        raise UsageError("{}.origin: wanted true or false, got {}", where, clean(repr(origin)))
    if not origin and not mirrors:
        raise UsageError("{}.origin: wanted a mirror where it is false, got none", where, remedy="name mirrors")
    trust = table.get("trust")
    if trust is not None and not isinstance(trust, str):
        raise UsageError("{}.trust: wanted a host in quotes, got {}", where, clean(repr(trust)))
    return Mirrored(tuple(mirrors), origin, trust)


def _check_mirror(mirror: object, where: str) -> None:
    if not isinstance(mirror, str):
        raise UsageError("{}: wanted mirrors in quotes, got {}", where, clean(repr(mirror)))
    try:
        Endpoint.of_mirror(mirror, Access())
    except UsageError as error:
        raise UsageError("{}: {}", where, error.message, remedy=error.remedy) from None


def _table(value: object, where: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise UsageError("{}: wanted a table, got {}", where, clean(repr(value)), remedy="see the README")


def _unknown(where: str, key: str, known: Iterable[str], meant: Sequence[str] = ()) -> UsageError:
    """`meant`: what is known to be meant by `key`, else it is guessed."""
    known = list(known)
    if meant:
        guess: str = Message("did you mean {}?", Message("{} and {}", *meant) if len(meant) > 1 else meant[0])
    else:
        guess = did_you_mean(key.lower(), known) or Message("there are {}", ", ".join(known))
    return UsageError("{}: no such key: {}", where, clean(repr(key), 80), remedy=guess)
