"""Reference: an image's name (distribution project, reference/reference.go and its grammar).

    reference   := name [":" tag] ["@" digest]
    name        := [domain "/"] path-component ("/" path-component)*
    domain      := host [":" port], host a DNS name, an IPv4 address or an IPv6 address in brackets

As in Docker, the first component is a domain only if it holds a dot or a colon or is `localhost`; without one the
registry is docker.io, and a single component is in `library/`. Docker takes `Org/app` for a registry named `Org`;
here it is refused with the name as it would be right, since hosts are kept in lower case.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Optional, Tuple

from ..errors import ContentError, UsageError
from ..message import Message
from ..system.names import no_device
from ..text import clean, narrowed
from .digest import Digest

DOCKER_HUB = "docker.io"
_HUB_NAMES = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_IMAGE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_REPOSITORY = 255
_MAX_STEM = 180
"""A file name has 255 bytes; the platform and endings like `.tar.part.journal` come after the stem."""


@dataclass(frozen=True)
class Reference:
    """`registry` is `host[:port]`, lower-case; `repository` has `library/` where Docker Hub implies it.

    At least one of `tag` and `digest` is there; with both the digest decides and the tag names.
    """

    registry: str
    repository: str
    tag: Optional[str] = None
    digest: Optional[Digest] = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """From what a user types; no tag and no digest means `latest`. Raises UsageError."""
        rest = text.strip(" \t\r\n")
        if _IMAGE_ID.fullmatch(rest):
            raise _bad(text, Message("an image ID, which no registry knows"), "give the image's name")
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", rest):
            raise _bad(text, Message("a scheme"), "leave out the scheme: registry/repository:tag")
        rest, at, digest_text = rest.partition("@")
        digest = _digest(text, digest_text) if at else None
        name, tag = _split_tag(rest)
        if tag is not None and not is_tag(tag):
            raise _bad(text, Message("the tag {}", clean(repr(tag), 80)), "a tag has letters, digits, '_', '.', '-'")
        registry, repository = _split_domain(name)
        registry = DOCKER_HUB if registry is None else parse_host(registry)
        if registry in _HUB_NAMES:
            registry = DOCKER_HUB
            if "/" not in repository:
                repository = f"library/{repository}"
        check_repository(repository, text)
        if tag is None and digest is None:
            tag = "latest"
        return cls(registry, repository, tag, digest)

    @property
    def familiar_repository(self) -> str:
        """As Docker shows it: `nginx`, `org/app`, `ghcr.io/org/app`."""
        if self.registry != DOCKER_HUB:
            return f"{self.registry}/{self.repository}"
        library, _, rest = self.repository.partition("/")
        if library == "library" and "/" not in rest:
            return rest
        looks_like_host = _split_domain(self.repository)[0] is not None
        return f"{self.registry}/{self.repository}" if looks_like_host else self.repository

    @property
    def familiar(self) -> str:
        """As a user would type it: `nginx:latest`."""
        return self.familiar_repository + self._suffix()

    @property
    def file_stem(self) -> str:
        """For default file names: `infiniflow_ragflow_v0.17.0`, `ghcr.io_org_app_1.2`."""
        end = self.tag or (self.digest.short if self.digest else "")
        stem = no_device(re.sub(r"[^A-Za-z0-9._-]", "_", f"{self.familiar_repository}_{end}"))
        return stem if len(stem) <= _MAX_STEM else f"{stem[:_MAX_STEM]}_{Digest.of(str(self).encode()).short}"

    @property
    def manifest_name(self) -> str:
        """What a registry is asked for: the digest where there is one, else the tag."""
        return str(self.digest) if self.digest else str(self.tag)

    def pinned(self, digest: Digest) -> Reference:
        """The same image, its content fixed."""
        return replace(self, digest=digest)

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        """In full: `docker.io/library/nginx:latest`."""
        return f"{self.registry}/{self.repository}{self._suffix()}"


def parse_host(text: str) -> str:
    """`host[:port]`, lower-case and checked: a DNS name, IPv4, or IPv6 in brackets. Raises UsageError."""
    host, port = _split_port(text)
    if port is not None and not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
        raise _bad_host(text, Message("the port {}", clean(repr(port), 20)), "a port is 1 to 65535")
    if host.startswith("["):
        if not _is_ipv6(host):
            raise _bad_host(text, Message("the address {}", clean(repr(host), 80)), "write IPv6 as [::1]:5000")
    elif not (len(host) <= 253 and all(_LABEL.fullmatch(label) for label in host.split("."))):
        raise _bad_host(text, Message("the host {}", _shown(host, 80)), "a host has letters, digits, '-' and dots")
    return host.lower() + (f":{int(port)}" if port is not None else "")


def is_tag(text: str) -> bool:
    """True for what may stand as a tag: 1 to 128 of letters, digits, '_', '.', '-', not first '.' or '-'."""
    return _TAG.fullmatch(text) is not None


def check_repository(repository: str, where: str) -> None:
    """Raises UsageError unless `repository` is path components joined by slashes."""
    if len(repository) > _MAX_REPOSITORY:
        raise _bad(where, Message("a name of {} characters", len(repository)), Message("at most {}", _MAX_REPOSITORY))
    for component in repository.split("/"):
        if not _COMPONENT.fullmatch(component):
            lower = component.lower()
            fix = Message("names have a-z, 0-9, '.', '_', '-'")
            if _COMPONENT.fullmatch(lower):
                fix = Message("did you mean {}?", lower)
            raise _bad(where, Message("the name {}", clean(repr(component), 80)), fix)


def _is_ipv6(text: str) -> bool:
    """Without a zone (`%eth0`): from Python 3.9 on the library takes anything as one, line breaks too."""
    try:
        ipaddress.IPv6Address(text[1:-1] if text.endswith("]") else "")
    except ValueError:
        return False
    return "%" not in text


def _split_port(text: str) -> Tuple[str, Optional[str]]:
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        if rest and not rest.startswith(":"):
            return text, None
        return host + bracket, rest[1:] if rest else None
    host, colon, port = text.partition(":")
    return host, port if colon else None


def _split_tag(text: str) -> Tuple[str, Optional[str]]:
    """A colon after the last slash starts a tag; before it, a port."""
    head, slash, last = text.rpartition("/")
    name, colon, tag = last.partition(":")
    return head + slash + name, tag if colon else None


def _split_domain(name: str) -> Tuple[Optional[str], str]:
    first, slash, rest = name.partition("/")
    if slash and (any(mark in first for mark in ".:[") or first == "localhost"):
        return first, rest
    return None, name


def _digest(where: str, text: str) -> Digest:
    try:
        return Digest.parse(_without_login(text))
    except ContentError as error:
        raise UsageError("image {}: {}", _shown(where, 120), error.message) from None


def _bad(where: str, got: str, remedy: str) -> UsageError:
    wanted = Message("[registry/]repository[:tag][@digest]")
    return UsageError("image {}: wanted {}, got {}", _shown(where, 120), wanted, got, remedy=_meant(where) or remedy)


def _bad_host(where: str, got: str, remedy: str) -> UsageError:
    wanted = Message("host[:port]")
    return UsageError("registry {}: wanted {}, got {}", _shown(where, 120), wanted, got, remedy=remedy)


def _meant(text: str) -> str:
    """Where it would be a reference but for its full-width signs."""
    meant = narrowed(text)
    try:
        return Message("did you mean {}?", Reference.parse(meant).familiar) if meant != text else ""
    except UsageError:
        return ""


def _shown(text: str, limit: int) -> str:
    """As typed, but for what may be user and password before a host."""
    return clean(repr(_without_login(text[: 4 * limit])), limit)


def _without_login(text: str) -> str:
    return re.sub(r"[^/]*@(?!sha[0-9]+:)", "…@", text)
