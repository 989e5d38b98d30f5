"""Replies: from a route and a store to what is sent back (OCI distribution spec, "Pulling" and "Listing Tags").

Pure but for the store's own look-up: nothing here touches a socket.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Dict, Optional
from urllib.parse import quote

from .ranges import Unsatisfiable, parse_range
from .routes import BlobRoute, ManifestRoute, Ping, Refusal, Route, TagsRoute
from .store import Blob, Store, memory_blob


@dataclass(frozen=True)
class Reply:
    """Bytes `start` to `end` (exclusive) of `body` under `status`; Content-Length is theirs to give."""

    status: int
    headers: Dict[str, str]
    body: Blob
    start: int
    end: int


@dataclass(frozen=True)
class Conditions:
    """The headers of a request that have a say in its reply; both are passed over but for a GET of a blob."""

    range: Optional[str] = None
    if_range: Optional[str] = None


def answer(store: Store, route: Route, conditions: Conditions) -> Reply:
    """The reply to `route`. Raises Refusal, and what the store raises."""
    if isinstance(route, Ping):
        return _json(200, {})
    if isinstance(route, ManifestRoute):
        return _manifest(store, route)
    if isinstance(route, BlobRoute):
        return _blob(store, route, conditions)
    return _tags(store, route)


def refuse(refusal: Refusal) -> Reply:
    """The error document ("Error Codes"); a 405 says what is allowed."""
    reply = _json(refusal.status, {"errors": [{"code": refusal.code, "message": refusal.message}]})
    if refusal.status == 405:
        reply.headers["Allow"] = "GET, HEAD"
    return reply


def _manifest(store: Store, route: ManifestRoute) -> Reply:
    found = store.manifest(route.repository, route.name)
    if found is None:
        raise _unknown(store, route.repository, "MANIFEST_UNKNOWN", f"{route.repository} has no {route.name}")
    headers = {
        "Content-Type": found.media_type,
        "Docker-Content-Digest": str(found.digest),
        "ETag": f'"{found.digest}"',
    }
    return _whole(200, headers, memory_blob(found.raw))


def _blob(store: Store, route: BlobRoute, conditions: Conditions) -> Reply:
    found = store.blob(route.repository, route.digest)
    if found is None:
        raise _unknown(store, route.repository, "BLOB_UNKNOWN", f"{route.repository} has no blob {route.digest}")
    etag = f'"{route.digest}"'
    headers = {
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": str(route.digest),
        "Accept-Ranges": "bytes",
        "ETag": etag,
    }
    try:
        part = parse_range(conditions.range if conditions.if_range in (None, etag) else None, found.size)
    except Unsatisfiable:
        reply = refuse(Refusal(416, "RANGE_INVALID", f"wanted {conditions.range}, the blob has {found.size} bytes"))
        reply.headers["Content-Range"] = f"bytes */{found.size}"
        return reply
    if part is None:
        return _whole(200, headers, found)
    start, end = part
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    return Reply(206, headers, found, start, end)


def _tags(store: Store, route: TagsRoute) -> Reply:
    found = store.tags(route.repository)
    if found is None:
        raise _unknown(store, route.repository, "NAME_UNKNOWN", "")
    after = [tag for tag in sorted(found) if tag > route.last]
    page = after if route.limit is None else after[: route.limit]
    reply = _json(200, {"name": route.repository, "tags": page})
    if page and len(page) < len(after):
        rest = f"/v2/{route.repository}/tags/list?n={len(page)}&last={quote(page[-1], safe='')}"
        reply.headers["Link"] = f'<{rest}>; rel="next"'
    return reply


def _unknown(store: Store, repository: str, code: str, message: str) -> Refusal:
    if store.tags(repository) is None:
        return Refusal(404, "NAME_UNKNOWN", f"no such repository: {repository}")
    return Refusal(404, code, message)


def _json(status: int, document: object) -> Reply:
    raw = json.dumps(document).encode()
    return _whole(status, {"Content-Type": "application/json"}, memory_blob(raw))


def _whole(status: int, headers: Dict[str, str], body: Blob) -> Reply:
    return Reply(status, headers, body, 0, body.size)
