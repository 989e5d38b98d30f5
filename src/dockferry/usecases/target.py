"""The target of a pull: its name, the lock on it, and what stands there already."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Optional, Union

from ..archive.archive_file import ArchiveFile
from ..archive.content import Content
from ..archive.layout import WORK_DIRECTORY
from ..archive.layout_dir import LayoutDir
from ..archive.plan import Plan
from ..archive.tree_files import is_tree, tree_document
from ..choices import FORMATS, WITH_LAYERS
from ..errors import ContentError, DiskError, UsageError
from ..message import Message
from ..oci.digest import Digest
from ..oci.platform import Platform
from ..oci.reference import Reference
from ..system.disk import sync_directory
from ..system.lock import only_one
from ..system.names import leads_to_device, portable
from ..system.paths import plain, usable
from ..system.shell import shell_word
from ..system.undisturbed import undisturbed
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
        _check_directory(path.rstrip(_SEPARATORS) if format == "oci-dir" else path)
        if leads_to_device(Path(path).name):
            raise DiskError(
                "wanted a file at {}, got {}",
                shown_path(path),
                Message("a special file"),
                remedy="choose another name with -o",
            )


def _check_directory(path: Union[str, Path]) -> None:
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
        name = self.path.name
        stem = name[: -len(".tar")] if name.endswith(".tar") else name
        return self.path.with_name(f"{stem}_layers") if self.with_layers else None

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
    def _store(self) -> Path:
        """The blobs' archive: the target itself, as long as it is unfinished, where that is a file.

        So an unfinished download goes on with the format docker-legacy, if that turns out to be what is needed.
        """
        return _beside(self.path, ".blobs") if self.format == "layers" else self.path

    @property
    def _locks(self) -> List[Path]:
        paths = [self.path] if self.tree in (None, self.path) else [self.path, self.tree]
        return [_beside(path, ".part.lock") for path in paths if path is not None]

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

    def document(self, digest: Digest, limit: int) -> Optional[bytes]:
        """A manifest's or config's bytes from what stands under the final name, None if it has it not."""
        from ..archive.reader import open_archive

        if self.format == "layers":
            return tree_document(self.path, digest, limit)
        try:
            if self.format == "oci-dir" or not os.path.isfile(self.path):
                return None
            with open_archive(self.path) as archive:
                size = archive.find(digest)
                if size is None or size > limit:
                    return None
                data = archive.open(digest).read(size)
        except (ContentError, DiskError, OSError):
            return None
        return data if Digest.of(data, digest.algorithm) == digest else None

    def holds(self, destination: Destination) -> bool:
        """Whether just this archive stands under the final name already: its size and every byte that is no layer's.

        A file under its final name was complete and verified when it got it.
        """
        if not isinstance(destination, ArchiveFile) or not os.path.isfile(self.path):
            return False
        plan = destination.plan
        try:
            with open(self.path, "rb") as file:
                if os.fstat(file.fileno()).st_size != plan.size:
                    return False
                for offset, data in plan.fixed:
                    file.seek(offset)
                    if file.read(len(data)) != data:
                        return False
        except OSError as error:
            raise DiskError.of("read", self.path, error) from None
        return True

    def is_good(self) -> bool:
        """Whether every blob of the archive under the final name matches its digest: all of it is read."""
        from .verify import verify

        try:
            verify(self.path)
        except (ContentError, DiskError):
            return False
        return True

    def tidy(self, destination: Destination, form: Optional[PlainForm]) -> None:
        """Finish for a run that was killed when it had just published; not while another run works."""
        part = _beside(self._store, ".part")
        left = form.left_over if form is not None else ()
        if not any(map(os.path.lexists, (part, self.journal, *self._locks, *left))):
            return
        with contextlib.suppress(DiskError, OSError), self.locked():
            if form is not None:
                form.tidy()
            if os.path.lexists(part) and not self._is_left_over(part, destination):
                return  # another image's, which --force would have put here
            sync_directory(part.parent)
            for name in (part, self.journal):
                with contextlib.suppress(FileNotFoundError):
                    name.unlink()

    def _is_left_over(self, part: Path, destination: Destination) -> bool:
        """Whether an unfinished file is of no use any more, as what stands under the final name was made of it."""
        if self.keeps_blobs:
            return os.path.samestat(os.lstat(part), os.lstat(self.path))
        from ..transfer.journal import Journal

        return Journal.recover(self.journal, destination.identity, len(destination.blobs), "").is_known

    def refuse_existing(self, image: Reference, wanted: Digest) -> None:
        """Raises DiskError if another archive has the final name: before anything is fetched, not after."""
        is_file = self.format not in _ENDINGS  # a layout takes another image, and a layer tree looks itself
        if is_file and os.path.lexists(self.path):
            raise DiskError(
                "{} is there already and is not the {} archive of {}, {}",
                shown_path(self.path),
                self.format,
                image.familiar,
                wanted,
                remedy="move it away, choose another name with -o, or overwrite it with --force",
            )

    def forget_journal(self) -> None:
        """The archive is published: the journal has done its work."""
        try:
            undisturbed(self.journal.unlink)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise DiskError.of("remove", self.journal, error) from None
        if self.format == "oci-dir":
            with contextlib.suppress(OSError):  # another image's unfinished blobs are there
                self.journal.parent.rmdir()

    @property
    def load_command(self) -> str:
        """What a user types next; nothing for a layer tree, which is for other tools."""
        path = shell_word(str(plain(self.path)))
        if self.format == "layers":
            return ""
        if self.format in ("docker", "docker-legacy"):
            return f"docker load -i {path}"
        return f"skopeo copy {'oci' if self.format == 'oci-dir' else 'oci-archive'}:{path} containers-storage:NAME"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time on one target: a second one raises DiskError at once."""
        with contextlib.ExitStack() as held:
            for path in self._locks:
                _check_directory(path)
                try:
                    held.enter_context(only_one(path))
                except BlockingIOError:
                    raise DiskError(
                        "{} is being written by another run",
                        shown_path(self.path),
                        remedy="wait for it, or choose another name with -o",
                    ) from None
                except OSError as error:
                    raise DiskError.of("lock", path, error) from None
            yield


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
