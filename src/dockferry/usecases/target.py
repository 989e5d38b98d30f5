"""The target of a pull: its name, the names beside it, and what is made there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, List, NamedTuple, Optional, Union

from ..archive.archive_file import ArchiveFile
from ..archive.content import Content
from ..archive.layout import WORK_DIRECTORY
from ..archive.layout_dir import LayoutDir
from ..archive.plan import Plan
from ..archive.tree_files import is_tree
from ..choices import FORMATS, WITH_LAYERS
from ..errors import DiskError, UsageError
from ..message import Message
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..system.names import leads_to_device, portable
from ..system.paths import plain, usable
from ..system.shell import shell_word
from ..text import shown_path
from .resolve import Image

if TYPE_CHECKING:
    from ..archive.plain_form import PlainForm

Destination = Union[ArchiveFile, LayoutDir]
_SEPARATORS = "/" + os.sep
_ENDINGS = {"oci-dir": "", "layers": "_layers"}
"""Of default names; `.tar` for all others."""


def check_output(output: Optional[Union[str, Path]], format: str, with_layers: bool = False) -> None:
    """What can be said of the target before the image is known. Raises UsageError, DiskError."""
    if format not in FORMATS:
        raise UsageError("wanted a format of {}, got {!r}", ", ".join(FORMATS), format, remedy="choose with --format")
    if with_layers and format not in WITH_LAYERS:
        raise UsageError(
            "--with-layers: wanted a format of {}, got {}",
            ", ".join(WITH_LAYERS),
            format,
            remedy="leave it out; --format layers makes the layers alone",
        )
    if output is not None:
        path = str(output)
        check_directory(path.rstrip(_SEPARATORS) if format == "oci-dir" else path)
        if leads_to_device(Path(path).name):
            raise DiskError(
                "wanted a file at {}, got {}",
                shown_path(path),
                Message("a special file"),
                remedy="choose another name with -o",
            )


def check_directory(path: Union[str, Path]) -> None:
    """Raises DiskError unless the directory is there that `path` stands in, or is, where a separator ends it."""
    directory = usable(Path(os.path.dirname(path)))
    if not os.path.isdir(directory):  # False, and no error, for a name that is too long
        raise DiskError(
            "wanted to write {}, got no directory {}",
            shown_path(path),
            shown_path(directory),
            remedy="make the directory first, or choose another place with -o",
        )


class Target(NamedTuple):
    """`path` is the final name, as the system's calls take it: a file; a directory with the formats oci-dir, layers.

    `with_layers`: a layer tree stands beside it.
    """

    path: Path
    format: str
    with_layers: bool = False

    @classmethod
    def of(
        cls,
        output: Optional[Union[str, Path]],
        format: str,
        reference: Reference,
        platform: Optional[Platform],
        with_layers: bool = False,
    ) -> Target:
        """`output` as given: a file, a directory to put the default name in, or None for the current directory.

        A layer tree that is there is no directory to put another in.
        """
        name = reference.file_stem + (f"_{platform.file_part}" if platform else "")
        name = portable(name + _ENDINGS.get(format, ".tar"))
        if output is None:
            return cls(usable(Path(name)), format, with_layers)
        path = Path(output)
        is_directory = str(output).endswith(tuple(_SEPARATORS)) or os.path.isdir(usable(path))
        if format != "oci-dir" and is_directory and not (format == "layers" and is_tree(usable(path))):
            path /= name
        return cls(usable(path), format, with_layers)

    @property
    def tree(self) -> Optional[Path]:
        """Where the layer tree stands, None where there is none."""
        if self.format == "layers":
            return self.path
        return self.tree_beside if self.with_layers else None

    @property
    def tree_beside(self) -> Path:
        """Where a layer tree stands beside an archive, if one is wanted."""
        name = self.path.name
        stem = name[: -len(".tar")] if name.endswith(".tar") else name
        return self.path.with_name(f"{stem}_layers")

    @property
    def keeps_blobs(self) -> bool:
        """False where they are fetched only to be unpacked."""
        return self.format not in ("docker-legacy", "layers")

    @property
    def journal(self) -> Path:
        if self.format == "oci-dir":
            return self.path / WORK_DIRECTORY / "journal"
        return _beside(self._store, ".part.journal")

    @property
    def store_part(self) -> Path:
        """The blobs' archive, unfinished. Of no use with the format oci-dir."""
        return _beside(self._store, ".part")

    @property
    def _store(self) -> Path:
        """The blobs' archive: the target itself, as long as it is unfinished, where that is a file.

        So an unfinished download goes on with the format docker-legacy, if that turns out to be what is needed.
        """
        return _beside(self.path, ".blobs") if self.format == "layers" else self.path

    @property
    def locks(self) -> List[Path]:
        """Whoever makes the target holds these."""
        paths = [self.path] if self.tree in (None, self.path) else [self.path, self.tree]
        return [lock_of(path) for path in paths if path is not None]

    def destination(self, image: Image, reference: Reference) -> Destination:
        """Where the image's blobs are put. Raises UsageError for an artifact that no engine would load."""
        content = Content.of(image.manifest, image.config_raw, reference)
        if self.format == "oci-dir":
            return LayoutDir(self.path, content)
        return ArchiveFile(self._store, Plan.of(content, for_docker=self.format in ("docker", "docker-legacy")))

    def plain_form(self, image: Image, reference: Reference) -> Optional[PlainForm]:
        """Where the image's plain layers are put, None where none are wanted. Raises UsageError, ContentError."""
        content = Content.of(image.manifest, image.config_raw, reference)
        if self.format == "docker-legacy":
            from ..archive.legacy_tar import LegacyTar

            return LegacyTar(self.path, content)
        if self.tree is not None:
            from ..archive.layer_tree import LayerTree

            return LayerTree(self.tree, content)
        return None

    def load_command(self, image: Reference) -> str:
        """What a user types next, to have it as `image`; nothing for a layer tree, which is for other tools."""
        path = shell_word(str(plain(self.path)))
        if self.format == "layers":
            return ""
        if self.format in ("docker", "docker-legacy"):
            return f"docker load -i {path}"
        kind = "oci" if self.format == "oci-dir" else "oci-archive"
        name = f"{image.registry}/{image.repository}{f':{image.tag}' if image.tag else ''}"
        return f"skopeo copy {kind}:{path} containers-storage:{name}"


def lock_of(path: Path) -> Path:
    """Held by whoever makes what stands at `path`."""
    return _beside(path, ".part.lock")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
