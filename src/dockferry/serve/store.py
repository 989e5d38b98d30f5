"""Store: what a registry has to give; and one of images that are held in memory or in files."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Callable, ContextManager, Dict, Iterator, List, NamedTuple, Optional, Protocol

from ..oci.digest import Digest
from ..system.sockets import send_file

Send = Callable[[socket.socket, int, int], None]
"""Send bytes `start` to `end` (exclusive) of one blob to a socket, all of them. Raises OSError."""


class StoredManifest(NamedTuple):
    """A manifest or index: `raw` as it was pushed."""

    raw: bytes
    media_type: str
    digest: Digest


class Blob(NamedTuple):
    """`size` in bytes; `open` gives the way to send parts of it, and raises OSError."""

    size: int
    open: Callable[[], ContextManager[Send]]


class Store(Protocol):
    """Asked by many threads at once, with names that are well-formed; None says that there is no such thing."""

    def manifest(self, repository: str, name: str) -> Optional[StoredManifest]:
        """The manifest that `name`, a tag or a digest in text, stands for."""

    def blob(self, repository: str, digest: Digest) -> Optional[Blob]:
        """The blob of that digest."""

    def tags(self, repository: str) -> Optional[List[str]]:
        """All tags of `repository`, in any order; None if there is no such repository."""


def memory_blob(data: bytes) -> Blob:
    """A blob that is sent from memory, without a copy."""
    view = memoryview(data)

    @contextmanager
    def opened() -> Iterator[Send]:
        yield lambda out, start, end: out.sendall(view[start:end])

    return Blob(len(data), opened)


def file_blob(path: Path, size: int, offset: int = 0) -> Blob:
    """A blob that stands in a file from `offset` on, sent by the kernel where it can."""

    @contextmanager
    def opened() -> Iterator[Send]:
        with open(path, "rb") as file:
            yield lambda out, start, end: _send_file(out, file, offset + start, end - start)

    return Blob(size, opened)


def _send_file(out: socket.socket, file: BinaryIO, offset: int, count: int) -> None:
    sent = send_file(out, file, offset, count)
    if sent != count:
        raise OSError(f"wanted {count} bytes at {offset} of {file.name}, got {sent}: the file was cut short")


@dataclass
class _Repository:
    manifests: Dict[str, StoredManifest]
    blobs: Dict[Digest, Blob]
    tags: Dict[str, str]


class ImageStore:
    """A store that is filled by its program; adding while it is served is safe."""

    def __init__(self) -> None:
        self._repositories: Dict[str, _Repository] = {}

    def add_manifest(self, repository: str, raw: bytes, media_type: str, *tags: str) -> Digest:
        """Give `raw` under its digest and under each of `tags`."""
        digest = Digest.of(raw)
        into = self._repository(repository)
        into.manifests[str(digest)] = StoredManifest(raw, media_type, digest)
        into.tags.update((tag, str(digest)) for tag in tags)
        return digest

    def add_blob(self, repository: str, digest: Digest, blob: Blob) -> None:
        """Give `blob` under `digest`, which is believed: the client proves it."""
        self._repository(repository).blobs[digest] = blob

    def manifest(self, repository: str, name: str) -> Optional[StoredManifest]:
        found = self._repositories.get(repository)
        return found.manifests.get(found.tags.get(name, name)) if found else None

    def blob(self, repository: str, digest: Digest) -> Optional[Blob]:
        found = self._repositories.get(repository)
        return found.blobs.get(digest) if found else None

    def tags(self, repository: str) -> Optional[List[str]]:
        found = self._repositories.get(repository)
        return list(found.tags) if found else None

    def _repository(self, name: str) -> _Repository:
        return self._repositories.setdefault(name, _Repository({}, {}, {}))
