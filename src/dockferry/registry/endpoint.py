"""Endpoint: where one registry's API is, and the URLs of its documents and blobs (OCI distribution spec)."""

from __future__ import annotations

import re
from typing import NamedTuple, Tuple

from ..errors import UsageError
from ..message import Message
from ..oci.digest import Digest
from ..oci.reference import DOCKER_HUB, check_repository, parse_host
from ..text import clean, redact
from .access import Access
from .addresses import is_loopback

_HUB_HOST = "registry-1.docker.io"
_PORTS = {"http": 80, "https": 443}


class Endpoint(NamedTuple):
    """`scheme` is http or https; `host` lower-case, IPv6 in brackets; `prefix` a path before repositories, or ''.

    `is_written`: the user wrote the scheme.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""
    is_written: bool = False

    @classmethod
    def of_registry(cls, registry: str, access: Access) -> Endpoint:
        """Of a reference's `registry` (`host[:port]`): Docker Hub's API is at another host than its name says."""
        return _of_host(registry, "", "", access)

    @classmethod
    def of_mirror(cls, text: str, access: Access) -> Endpoint:
        """From `[http[s]://]HOST[:PORT][/PREFIX]`. Raises UsageError."""
        if "@" in text:
            raise _bad(
                f"…@{text.rpartition('@')[2]}", Message("a login, which would be seen by others"), "give it with -u"
            )
        scheme, mark, rest = text.strip().rpartition("://")
        scheme = scheme.lower()
        host, _, prefix = rest.partition("/")
        prefix = prefix.strip("/")
        if mark and scheme not in _PORTS:
            raise _bad(text, Message("the scheme {}", clean(repr(scheme), 40)))
        if not host or re.search(r"[?#]", rest):
            raise _bad(text, Message("a query") if host else Message("no host"))
        try:
            if prefix:
                check_repository(prefix, prefix)
            return _of_host(parse_host(host), prefix, scheme, access)
        except UsageError as error:
            raise _bad(text, error.message) from None

    @property
    def authority(self) -> str:
        """`host[:port]`, the port only where the scheme does not imply it: the key for credentials."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """`scheme://host[:port]`."""
        return f"{self.scheme}://{self.authority}"

    @property
    def name(self) -> str:
        """For people: host and prefix."""
        return f"{self.authority}/{self.prefix}" if self.prefix else self.authority

    def path(self, repository: str) -> str:
        """The repository's name at this endpoint, which is also what a token's scope names."""
        return f"{self.prefix}/{repository}" if self.prefix else repository

    def base_url(self) -> str:
        """The API's root, which only tells how to authorize."""
        return f"{self.origin}/v2/"

    def manifest_url(self, repository: str, name: str) -> str:
        """`name` is a tag or a digest, both safe in a URL by their grammar."""
        return f"{self.origin}/v2/{self.path(repository)}/manifests/{name}"

    def blob_url(self, repository: str, digest: Digest) -> str:
        return f"{self.origin}/v2/{self.path(repository)}/blobs/{digest}"

    def tags_url(self, repository: str, page: int) -> str:
        """The first `page` tags."""
        return f"{self.origin}/v2/{self.path(repository)}/tags/list?n={page}"


def _of_host(authority: str, prefix: str, scheme: str, access: Access) -> Endpoint:
    host, port = _split(_HUB_HOST if authority == DOCKER_HUB else authority)
    found = scheme or _scheme(host, port, access)
    return Endpoint(found, host, port or _PORTS[found], prefix, is_written=bool(scheme))


def _scheme(host: str, port: int, access: Access) -> str:
    """HTTP only where the user says so, or on this machine unless something about it speaks of TLS.

    Nothing is tried out: a probe that falls back could be made to fall back.
    """
    if access.plain_http:
        return "http"
    speaks_tls = port == _PORTS["https"] or access.ca_cert is not None or access.insecure
    return "http" if is_loopback(host) and not speaks_tls else "https"


def _split(authority: str) -> Tuple[str, int]:
    """Of a checked `host[:port]`; port 0 where there is none."""
    found = re.fullmatch(r"(.*?)(?::([0-9]+))?", authority)
    assert found is not None
    host, port = (authority, None) if authority.endswith("]") else found.groups()
    return host, int(port) if port else 0


def _bad(text: str, got: str, remedy: str = "") -> UsageError:
    return UsageError("mirror {}: wanted [https://]HOST[:PORT][/PREFIX], got {}", redact(text), got, remedy=remedy)
