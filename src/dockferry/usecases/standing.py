"""Standing: what has a target's final names already."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Optional

from ..archive.archive_file import ArchiveFile
from ..archive.plain_form import PlainForm, is_good
from ..archive.plan import Plan
from ..archive.tree_files import tree_document
from ..errors import ContentError, DiskError
from ..oci.digest import Digest
from ..oci.reference import Reference
from ..text import shown_path
from .target import Destination, Target


class Standing(NamedTuple):
    """`archive`, `form`: whether just this one is wanted, and stands there; `is_all`: whether all wanted do."""

    archive: bool
    form: bool
    is_all: bool

    @classmethod
    def of(cls, target: Target, destination: Destination, form: Optional[PlainForm], prove: bool) -> Standing:
        """`prove`: every byte of it is read, and has its digest. Raises DiskError."""
        has_archive = (
            target.keeps_blobs and _holds(target.path, destination) and (not prove or _is_proved(target.path))
        )
        has_form = form is not None and form.holds() and (not prove or is_good(form))
        is_all = (has_archive or not target.keeps_blobs) and (has_form or form is None)
        return cls(has_archive, has_form, is_all)


def standing_document(target: Target, digest: Digest, limit: int) -> Optional[bytes]:
    """A manifest's or config's bytes from what stands under the final name, None if it has it not."""
    from ..archive.reader import open_archive

    if target.format == "layers":
        return tree_document(target.path, digest, limit)
    try:
        if target.format == "oci-dir" or not os.path.isfile(target.path):
            return None
        with open_archive(target.path) as archive:
            size = archive.find(digest)
            if size is None or size > limit:
                return None
            data = archive.open(digest).read(size)
    except (ContentError, DiskError, OSError):
        return None
    return data if Digest.of(data, digest.algorithm) == digest else None


def refuse_existing(target: Target, image: Reference, wanted: Digest) -> None:
    """Raises DiskError if another archive has the final name: before anything is fetched, not after."""
    is_file = target.format not in ("oci-dir", "layers")  # a layout takes another image, and a tree looks itself
    if is_file and os.path.lexists(target.path):
        raise DiskError(
            "{} is there already and is not the {} archive of {}, {}",
            shown_path(target.path),
            target.format,
            image.familiar,
            wanted,
            remedy="move it away, choose another name with -o, or overwrite it with --force",
        )


def _holds(path: Path, destination: Destination) -> bool:
    """Whether just this archive stands there: its size and every byte that is no layer's.

    A file under its final name was complete and verified when it got it.
    """
    if not isinstance(destination, ArchiveFile) or not os.path.isfile(path):
        return False
    try:
        return _has(path, destination.plan)
    except OSError as error:
        raise DiskError.of("read", path, error) from None


def _has(path: Path, plan: Plan) -> bool:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size != plan.size:
            return False
        for offset, data in plan.fixed:
            file.seek(offset)
            if file.read(len(data)) != data:
                return False
    return True


def _is_proved(path: Path) -> bool:
    """Whether every blob of the archive matches its digest: all of it is read."""
    from .verify import verify

    try:
        verify(path)
    except (ContentError, DiskError):
        return False
    return True
