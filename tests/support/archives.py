"""Archives made on the spot: through the destinations, or by hand for what no honest tool writes."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any, Iterable, List, Tuple

from dockferry.archive.archive_file import ArchiveFile
from dockferry.archive.content import Content
from dockferry.archive.plan import Plan
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.manifest import Manifest, parse_manifest
from dockferry.oci.reference import Reference
from support.images import MadeImage

NAME = Reference.parse("ghcr.io/org/app:1.2")


def manifest_of(image: MadeImage) -> Manifest:
    manifest = parse_manifest(image.manifest, image.media_type, "test")
    assert isinstance(manifest, Manifest)
    return manifest


def plan_of(image: MadeImage, name: Reference = NAME, format: str = "docker") -> Plan:
    return Plan.of(content_of(image, name), for_docker=format == "docker")


def content_of(image: MadeImage, name: Reference = NAME) -> Content:
    return Content.of(manifest_of(image), image.blobs[image.config.digest], name)


def fill(destination: Any, image: MadeImage) -> None:
    """Write every blob that the destination asks for."""
    for blob in destination.blobs:
        destination.write(blob, 0, memoryview(image.blobs[blob.digest]))


def make_archive(path: Path, image: MadeImage, name: Reference = NAME, format: str = "docker") -> Path:
    """A finished archive at `path`."""
    destination = ArchiveFile(path, plan_of(image, name, format))
    destination.open()
    fill(destination, image)
    destination.publish()
    return path


def read_back(destination: Any, blob: Descriptor) -> bytes:
    """All of a blob, as the destination gives it."""
    buffer = bytearray(blob.size)
    filled = 0
    while filled < blob.size:
        count = destination.readinto(blob, filled, memoryview(buffer)[filled:])
        assert count
        filled += count
    return bytes(buffer)


def make_tar(path: Path, members: Iterable[Tuple[str, bytes]], mode: str = "w") -> Path:
    """A tar of regular files, by the standard library."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def members_of(path: Path) -> List[Tuple[str, bytes]]:
    """What is in a tar, by the standard library."""
    with tarfile.open(path) as tar:
        return [(info.name, tar.extractfile(info).read()) for info in tar if info.isreg()]  # type: ignore[union-attr]
