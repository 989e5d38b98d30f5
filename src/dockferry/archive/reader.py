"""Reader: any image archive, ours or another tool's: hybrid tar, OCI archive, `docker save`, OCI layout directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, Iterator, Optional, Tuple, Union

from ..errors import ContentError
from ..oci.digest import Digest
from ..system.paths import usable
from ..text import shown_path
from . import layout
from .byte_file import ByteStream
from .docker_reader import DockerEntry, blob_digest, read_docker, read_entries
from .members import Members, open_members
from .oci_reader import OciContents, read_oci
from .stored import StoredImage


class Archive:
    """An open archive; a context manager. Nothing is extracted, and all reads may come from many threads.

    `kind` is `hybrid`, `oci` or `docker`, by the documents it has. `oci` is None in the last, `docker` in the second.
    Documents are proved when it is opened; layers are not: `verify` does that.
    """

    def __init__(self, members: Members) -> None:
        self.members = members
        self.path = members.path
        has_index = layout.INDEX_FILE in members.sizes
        has_manifest = layout.MANIFEST_FILE in members.sizes
        if not (has_index or has_manifest):
            raise ContentError(
                "{}: wanted an image archive, got no index.json and no manifest.json in it",
                shown_path(self.path),
                remedy="check the path; an image saved by Docker before 1.10 has to be loaded and saved again",
            )
        self.kind = "hybrid" if has_index and has_manifest else "oci" if has_index else "docker"
        self.oci: Optional[OciContents] = read_oci(members) if has_index else None
        self.docker: Tuple[DockerEntry, ...] = read_entries(members) if has_manifest else ()
        self.images: Tuple[StoredImage, ...] = self._images()
        self._paths = dict(self._blob_paths())

    def find(self, digest: Digest) -> Optional[int]:
        """The size of the blob `digest`, None where it is not here."""
        path = self._paths.get(digest)
        return None if path is None else self.members.sizes[path]

    def open(self, digest: Digest, start: int = 0) -> ByteStream:
        """The bytes of the blob `digest` from `start` on. Raises ContentError where it is not here."""
        return self.members.open(self._paths.get(digest, layout.blob_path(digest)), start)

    def close(self) -> None:
        self.members.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _images(self) -> Tuple[StoredImage, ...]:
        if self.oci is None:
            return read_docker(self.members)
        tags: Dict[str, Tuple[str, ...]] = {entry.config: entry.tags for entry in self.docker}
        return tuple(
            image if image.references else replace(image, names=tags.get(image.config_member) or image.names)
            for image in self.oci.images
        )

    def _blob_paths(self) -> Iterator[Tuple[Digest, str]]:
        for name in self.members.sizes:
            digest = blob_digest(name)
            if digest is not None:
                yield digest, name
        for image in self.images:
            if image.config_member in self.members.sizes:
                yield image.config_digest, image.config_member


def open_archive(path: Union[str, Path]) -> Archive:
    """Raises DiskError for what cannot be opened, ContentError for what is no sound image archive."""
    members = open_members(usable(Path(path)))
    try:
        return Archive(members)
    except BaseException:
        members.close()
        raise
