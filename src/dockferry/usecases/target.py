"""The target of a pull: its name, the lock on it, and what stands there already."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Iterator, NamedTuple, Optional, Union

from ..archive.archive_file import ArchiveFile
from ..archive.content import Content
from ..archive.layout import WORK_DIRECTORY
from ..archive.layout_dir import LayoutDir
from ..archive.plan import Plan
from ..choices import FORMATS
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

_SEPARATORS = "/" + os.sep


def check_output(output: Optional[Union[str, Path]], format: str) -> None:
    """What can be said of the target before the image is known. Raises UsageError, DiskError."""
    if format not in FORMATS:
        raise UsageError("wanted a format of {}, got {!r}", ", ".join(FORMATS), format, remedy="choose with --format")
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
    """`path` is the final name: a file, or with the format oci-dir a directory; as the system's calls take it."""

    path: Path
    format: str

    @classmethod
    def of(
        cls, output: Optional[Union[str, Path]], format: str, reference: Reference, platform: Optional[Platform]
    ) -> Target:
        """`output` as given: a file, a directory to put the default name in, or None for the current directory."""
        name = reference.file_stem + (f"_{platform.file_part}" if platform else "")
        name = portable(name if format == "oci-dir" else name + ".tar")
        if output is None:
            return cls(usable(Path(name)), format)
        path = Path(output)
        if format != "oci-dir" and (str(output).endswith(tuple(_SEPARATORS)) or os.path.isdir(usable(path))):
            path /= name
        return cls(usable(path), format)

    @property
    def journal(self) -> Path:
        if self.format == "oci-dir":
            return self.path / WORK_DIRECTORY / "journal"
        return self.path.with_name(self.path.name + ".part.journal")

    @property
    def _lock(self) -> Path:
        return self.path.with_name(self.path.name + ".part.lock")

    def destination(self, image: Image, reference: Reference) -> Union[ArchiveFile, LayoutDir]:
        """Where the image's blobs are put. Raises UsageError for an artifact that no engine would load."""
        content = Content.of(image.manifest, image.config_raw, reference)
        if self.format == "oci-dir":
            return LayoutDir(self.path, content)
        return ArchiveFile(self.path, Plan.of(content, for_docker=self.format == "docker"))

    def document(self, digest: Digest, limit: int) -> Optional[bytes]:
        """A manifest's or config's bytes from the archive that stands under the final name, None if it has it not."""
        from ..archive.reader import open_archive

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

    def holds(self, destination: Union[ArchiveFile, LayoutDir]) -> bool:
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

    def tidy(self) -> None:
        """Finish for a run that was killed when it had just published; not while another run works."""
        part = self.path.with_name(self.path.name + ".part")
        if not any(map(os.path.lexists, (part, self.journal, self._lock))):
            return
        with contextlib.suppress(DiskError, OSError), self.locked():
            if os.path.lexists(part) and not os.path.samestat(os.lstat(part), os.lstat(self.path)):
                return  # another image's, which --force would have put here
            sync_directory(part.parent)
            for name in (part, self.journal):
                with contextlib.suppress(FileNotFoundError):
                    name.unlink()

    def refuse_existing(self, image: Reference, wanted: Digest) -> None:
        """Raises DiskError if another archive has the final name: before anything is fetched, not after."""
        if self.format != "oci-dir" and os.path.lexists(self.path):  # a layout takes another image
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
        """What a user types next."""
        path = shell_word(str(plain(self.path)))
        if self.format == "docker":
            return f"docker load -i {path}"
        return f"skopeo copy {'oci' if self.format == 'oci-dir' else 'oci-archive'}:{path} containers-storage:NAME"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One run at a time on one target: a second one raises DiskError at once."""
        path = self._lock
        _check_directory(path)
        with contextlib.ExitStack() as held:
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
