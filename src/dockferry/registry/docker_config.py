"""Docker's config.json and Podman's auth.json: what such a file says about one registry. Pure.

    {"auths": {"HOST[:PORT]": {"auth": base64 of "user:password", "identitytoken": …}},
     "credHelpers": {"HOST[:PORT]": "NAME"}, "credsStore": "NAME"}

Docker Hub stands there as `https://index.docker.io/v1/`; other keys may have a scheme or a path too.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Tuple

from ..errors import ContentError
from ..oci.reference import DOCKER_HUB
from ..oci.strict_json import parse_object
from ..text import clean

MAX_CONFIG = 1024 * 1024
HUB_SERVER = "https://index.docker.io/v1/"
"""Docker Hub's name in files and helpers."""
_HUB_HOSTS = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")
# Docker Desktop keeps the two halves of its own session beside the Hub's entry; neither is a login.
_NO_LOGIN = ("/access-token", "/refresh-token")
_BOM = b"\xef\xbb\xbf"


class DockerConfig(NamedTuple):
    """`auths` by the file's own keys, `helpers` by registry, `store` for all others. Built by `parse` only."""

    auths: Mapping[str, Mapping[str, Any]]
    helpers: Mapping[str, str]
    store: str

    @classmethod
    def parse(cls, raw: bytes, what: str) -> DockerConfig:
        """Raises ContentError, naming `what` and quoting nothing of the file but names of types."""
        document = parse_object(raw[len(_BOM) :] if raw.startswith(_BOM) else raw, what, MAX_CONFIG)
        auths = _mapping(document, "auths", dict, what)
        helpers = _mapping(document, "credHelpers", str, what)
        store = document.get("credsStore") or ""
        if not isinstance(store, str):
            raise ContentError("{}: wanted credsStore to be a name, got {}", what, type(store).__name__)
        return cls(auths, {registry_key(key): name for key, name in helpers.items() if name}, store)

    def helpers_for(self, host: str) -> Tuple[str, ...]:
        """Names of the helpers to ask about `host`, the one that is there for it alone first."""
        return tuple(name for name in (self.helpers.get(registry_key(host), ""), self.store) if name)

    def entries_for(self, host: str) -> Tuple[Mapping[str, Any], ...]:
        """The entries about `host`, one under its exact name first."""
        wanted = registry_key(host)
        exact = [name for name in (server_name(wanted), wanted) if name in self.auths]
        others = [
            key
            for key in self.auths
            if key not in exact and registry_key(key) == wanted and not key.endswith(_NO_LOGIN)
        ]
        return tuple(self.auths[key] for key in (*exact, *others))


def registry_key(name: str) -> str:
    """`host[:port]` of a key or host, lower-case: without scheme and path, Docker Hub's names made one."""
    host = name.partition("://")[2] or name
    host = host.partition("/")[0].strip().lower()
    return DOCKER_HUB if host in _HUB_HOSTS else host


def server_name(host: str) -> str:
    """What stores and helpers call the registry `host`."""
    return HUB_SERVER if registry_key(host) == DOCKER_HUB else host


def _mapping(document: Dict[str, Any], key: str, kind: type, what: str) -> Dict[str, Any]:
    found = document.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ContentError("{}: wanted {} to be an object, got {}", what, key, type(found).__name__)
    for name, value in found.items():
        if not isinstance(value, kind):
            raise ContentError("{}: {}: wrong type {} for {}", what, key, type(value).__name__, clean(name, 100))
    return found
