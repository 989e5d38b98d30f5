"""Routes: what a request's target asks of a read-only registry (OCI distribution spec, "Endpoints").

Pure: from text to frozen values. Every name is checked against its grammar before anything is looked up, and a
percent sign is refused, since no valid name needs one: what passes is safe as a key and in a header.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union
from urllib.parse import parse_qsl

from ..errors import ContentError, UsageError
from ..oci.digest import Digest
from ..oci.reference import check_repository, is_tag
from ..text import clean

MAX_TARGET = 2048
"""Characters a request target may have: a repository has 255 at most, a digest 135."""


@dataclass(frozen=True)
class Ping:
    """`/v2/`: is this a registry?"""


@dataclass(frozen=True)
class ManifestRoute:
    """`/v2/<repository>/manifests/<name>`; `name` is a tag or a digest, in text."""

    repository: str
    name: str


@dataclass(frozen=True)
class BlobRoute:
    """`/v2/<repository>/blobs/<digest>`."""

    repository: str
    digest: Digest


@dataclass(frozen=True)
class TagsRoute:
    """`/v2/<repository>/tags/list`: at most `limit` tags (None: all) that come after `last`."""

    repository: str
    limit: Optional[int]
    last: str


Route = Union[Ping, ManifestRoute, BlobRoute, TagsRoute]


class Refusal(Exception):
    """An answer that is no success: an HTTP status and an error of the spec ("Error Codes")."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def parse_target(target: str) -> Route:
    """The route in a request line's target. Raises Refusal (400 or 404) for everything else."""
    path, _, query = target.partition("?")
    if len(target) > MAX_TARGET:
        raise Refusal(414, "UNSUPPORTED", f"wanted at most {MAX_TARGET} characters, got {len(target)}")
    if path in ("/v2/", "/v2"):
        return Ping()
    if not path.startswith("/v2/"):
        raise Refusal(404, "UNSUPPORTED", "wanted a path under /v2/")
    head, _, name = path[len("/v2/") :].rpartition("/")
    repository, _, kind = head.rpartition("/")
    if kind == "manifests":
        return ManifestRoute(_repository(repository), _manifest_name(name))
    if kind == "blobs":
        return BlobRoute(_repository(repository), _digest(name))
    if (kind, name) == ("tags", "list"):
        return _tags(_repository(repository), query)
    raise Refusal(404, "UNSUPPORTED", "no such endpoint: this registry gives manifests, blobs and tags/list")


def _repository(text: str) -> str:
    try:
        check_repository(text, text)
    except UsageError:
        raise Refusal(400, "NAME_INVALID", f"not a repository name: {clean(repr(text), 100)}") from None
    return text


def _manifest_name(text: str) -> str:
    if ":" in text:
        return str(_digest(text))
    if not is_tag(text):
        raise Refusal(400, "MANIFEST_INVALID", f"not a tag or digest: {clean(repr(text), 100)}")
    return text


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except ContentError as error:
        raise Refusal(400, "DIGEST_INVALID", error.message) from None


def _tags(repository: str, query: str) -> TagsRoute:
    """Other parameters are passed over: containerd adds `ns` to what it asks of mirrors."""
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=10))
    except ValueError:
        raise Refusal(400, "UNSUPPORTED", "wanted at most 10 query parameters") from None
    count, last = given.get("n"), given.get("last", "")
    if count is not None and not (count.isascii() and count.isdigit() and len(count) <= 9):
        raise Refusal(400, "PAGINATION_NUMBER_INVALID", f"not a number of tags: {clean(repr(count), 40)}")
    if last and not is_tag(last):
        raise Refusal(400, "MANIFEST_INVALID", f"not a tag: {clean(repr(last), 100)}")
    return TagsRoute(repository, None if count is None else int(count), last)
