"""Pushing made images into a real registry over its HTTP API (OCI distribution spec, "Push")."""

from __future__ import annotations

import http.client
from typing import Mapping, Union
from urllib.parse import urlsplit

from dockferry.oci.digest import Digest

from .images import MadeImage, MadeIndex

CHUNK = 4096
"""A blob is sent in one PUT; its reply is at most this long."""


def push(
    connection: http.client.HTTPConnection,
    headers: Mapping[str, str],
    repository: str,
    tag: str,
    made: Union[MadeImage, MadeIndex],
) -> None:
    """`made` under `repository:tag`, all its blobs and manifests first. `headers` go with every request."""
    to = _Push(connection, headers, f"/v2/{repository}")
    if isinstance(made, MadeImage):
        to.image(tag, made)
        return
    for image in made.images:
        to.image(str(image.digest), image)
    to.manifest(tag, made.raw, made.media_type)


class _Push:
    def __init__(self, connection: http.client.HTTPConnection, headers: Mapping[str, str], base: str) -> None:
        self._connection = connection
        self._headers = headers
        self._base = base

    def image(self, name: str, image: MadeImage) -> None:
        for digest, data in image.blobs.items():
            self._blob(digest, data)
        self.manifest(name, image.manifest, image.media_type)

    def manifest(self, name: str, raw: bytes, media_type: str) -> None:
        self._ask("PUT", f"{self._base}/manifests/{name}", 201, raw, media_type)

    def _blob(self, digest: Digest, data: bytes) -> None:
        place = urlsplit(self._ask("POST", f"{self._base}/blobs/uploads/", 202))
        query = f"{place.query}&digest={digest}" if place.query else f"digest={digest}"
        self._ask("PUT", f"{place.path}?{query}", 201, data)

    def _ask(
        self, method: str, path: str, wanted: int, body: bytes = b"", content_type: str = "application/octet-stream"
    ) -> str:
        """The reply's Location."""
        headers = {**self._headers, "Content-Type": content_type, "Content-Length": str(len(body))}
        self._connection.request(method, path, body, headers)
        reply = self._connection.getresponse()
        text = reply.read(CHUNK)
        assert reply.status == wanted, f"{method} {path}: wanted {wanted}, got {reply.status}: {text!r}"
        reply.read()
        return reply.headers.get("Location", "")
