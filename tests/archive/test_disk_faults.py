"""Disk faults: full, read-only, limited and failing disks, made by the kernel itself in a namespace of their own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import List, Sequence

import pytest
from support.require import require, require_namespaces

import dockferry

SOURCE = Path(str(dockferry.__file__)).parents[1]
TESTS = Path(__file__).parents[1]

PRELUDE = """
import os, resource, subprocess, sys
from pathlib import Path
sys.path[:0] = {paths!r}
from dockferry.archive.archive_file import ArchiveFile
from dockferry.archive.layout_dir import LayoutDir
from dockferry.errors import DiskError
from dockferry.usecases.verify import verify
from support.archives import content_of, fill, plan_of
from support.images import make_image

def fails(call, *args):
    try:
        call(*args)
    except DiskError as error:
        return str(error)
    raise SystemExit("no DiskError")

place = Path({place!r})
image = make_image([600_000, 400_000])
makers = {{
    "tar": lambda: ArchiveFile(place / "out", plan_of(image)),
    "dir": lambda: LayoutDir(place / "out", content_of(image)),
}}
make = makers[{kind!r}]
"""


def run(script: str, place: Path, kind: str, mounts: str = "true", wrapper: Sequence[str] = ()) -> str:
    """Run `script` after `mounts` in a mount namespace, which takes its mounts with it when it ends."""
    require_namespaces()
    prelude = PRELUDE.format(paths=[str(SOURCE), str(TESTS)], place=str(place), kind=kind)
    program = [*wrapper, sys.executable, "-c", prelude + textwrap.dedent(script)]
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", f'{mounts} && exec "$@"', "sh", *program],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def tmpfs(place: Path, size: str) -> str:
    return f"mount -t tmpfs -o size={size} none {place}"


@pytest.fixture(params=["tar", "dir"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_too_little_room_is_said_before_the_first_byte(kind: str, tmp_path: Path) -> None:
    """One message with what is needed, what is free and where; and no leavings."""
    script = """
        destination = make()
        print(fails(destination.open))
        destination.close()
        print(os.listdir(place))
    """
    message, left = run(script, tmp_path, kind, tmpfs(tmp_path, "800k")).splitlines()
    assert message.startswith(f"wanted 1 MB free in {tmp_path}") or "wanted 1.0" in message
    assert "got 819 kB; free 1" in message or "got 819 kB; free 2" in message
    assert left == "[]"


@pytest.mark.row(40)
def test_a_disk_that_fills_up_keeps_what_was_had(kind: str, tmp_path: Path) -> None:
    """ENOSPC at a write names the file and the remedy; with room again the next run goes on from there."""
    script = """
        destination = make()
        destination.open()
        first, second = destination.blobs
        destination.write(second, 0, memoryview(image.blobs[second.digest]))
        destination.sync()
        part = place / "out.part"
        if part.exists():
            hole = [str(destination.plan.place(first, 8192, 0) // 4096 * 4096), "400000", str(part)]
        else:
            part, = (place / "out" / ".dockferry").glob(f"*{first.digest.hex}.part")
            hole = ["0", "400000", str(part)]
        subprocess.run(["fallocate", "-p", "-o", hole[0], "-l", hole[1], hole[2]], check=True)
        with open(place / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass
        print(fails(destination.write, first, 0, memoryview(image.blobs[first.digest])))
        destination.close()
        assert not (place / "out").is_file() and not (place / "out" / "index.json").exists()
        os.unlink(place / "filler")
        again = make()
        again.open()
        assert again.existed
        view = bytearray(second.size)
        assert again.readinto(second, 0, memoryview(view)) == second.size
        assert view == image.blobs[second.digest]
        again.write(first, 0, memoryview(image.blobs[first.digest]))
        again.publish()
        verify(place / "out", deep=True)
    """
    message = run(script, tmp_path, kind, tmpfs(tmp_path, "1400k"))
    assert message.startswith(f"cannot write {tmp_path}/out")
    assert "No space left on device; free some space, then run the same command again: " in message


@pytest.mark.row(46)
def test_a_read_only_file_system_is_said_at_once(kind: str, tmp_path: Path) -> None:
    """EROFS names the place and the remedy."""
    mounts = f"mount --bind {tmp_path} {tmp_path} && mount -o remount,bind,ro {tmp_path}"
    message = run("print(fails(make().open))", tmp_path, kind, mounts)
    assert message.startswith(f"cannot make {tmp_path}/out")
    assert "the file system is read-only: choose another place with -o" in message


def test_an_unwritable_directory_is_said_at_once(kind: str, tmp_path: Path) -> None:
    """Even where an unfinished file is there and could be filled: it could never be published."""
    script = """
        destination = make()
        destination.open()
        destination.close()
        target = place if (place / "out.part").exists() else place / "out"
        mode = target.stat().st_mode
        target.chmod(0o555)
        try:
            print(fails(make().open))
        finally:
            target.chmod(mode)
    """
    message = run(script, tmp_path, kind, wrapper=["unshare", "-U"])
    assert "Permission denied; you may not write there: choose another place with -o" in message


def test_a_limit_on_file_size_is_said_at_once(kind: str, tmp_path: Path) -> None:
    """EFBIG, which is also what FAT says past 4 GiB, comes before the download and leaves nothing."""
    script = """
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        print(fails(make().open))
        print(os.listdir(place))
    """
    message, left = run(script, tmp_path, kind).splitlines()
    assert "File too large; the file system (FAT: 4 GiB) or a limit (ulimit -f) allows no file this large" in message
    assert left == "[]"


def inject(calls: str, what: str) -> List[str]:
    """The system calls `calls` end as `what` says: the kernel's tracer does it."""
    quiet = [require("strace"), "-f", "-qq", "-o", "/dev/null"]
    return [*quiet, "-e", f"trace={calls}", "-e", f"inject={calls}:{what}"]


@pytest.mark.row(41)
def test_a_failed_sync_is_never_trusted_again(kind: str, tmp_path: Path) -> None:
    """After EIO from fdatasync a second try would succeed and mean nothing: publish fails too."""
    script = """
        destination = make()
        destination.open()
        fill(destination, image)
        print(fails(destination.sync))
        print(fails(destination.publish))
        destination.close()
        print((place / "out").is_file() or (place / "out" / "index.json").exists())
    """
    first, second, is_there = run(
        script, tmp_path, kind, wrapper=inject("fdatasync", "error=EIO:when=1")
    ).splitlines()
    assert first == second
    assert "cannot sync" in first
    assert "Input/output error; the disk fails" in first
    assert is_there == "False"


def test_a_failing_write_names_the_file(kind: str, tmp_path: Path) -> None:
    """EIO from a write is a DiskError with the path."""
    script = """
        def work():
            destination = make()
            destination.open()
            fill(destination, image)
        print(fails(work))
    """
    message = run(script, tmp_path, kind, wrapper=inject("pwrite64", "error=EIO:when=1"))
    assert message.startswith(f"cannot write {tmp_path}/out")
    assert "Input/output error" in message


@pytest.mark.row(42)
def test_a_write_that_took_nothing_is_made_again(kind: str, tmp_path: Path) -> None:
    """The count that the system returns is believed, not the count that was asked for."""
    script = """
        destination = make()
        destination.open()
        fill(destination, image)
        destination.publish()
        verify(place / "out", deep=True)
    """
    strace = [
        require("strace"),
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=pwrite64",
        "-e",
        "inject=pwrite64:retval=0:when=2",
    ]
    run(script, tmp_path, kind, wrapper=strace)


def test_without_hard_links_the_name_is_still_not_clobbered(tmp_path: Path) -> None:
    """Where link() is not to be had, publish checks and renames, and a file that is there stays."""
    script = """
        (place / "out").write_text("mine")
        destination = make()
        destination.open()
        fill(destination, image)
        print(fails(destination.publish))
        assert (place / "out").read_text() == "mine"
        os.unlink(place / "out")
        again = make()
        again.open()
        again.publish()
        verify(place / "out", deep=True)
    """
    message = run(script, tmp_path, "tar", wrapper=inject("link,linkat", "error=EPERM"))
    assert "is there already, and stays as it is" in message


def test_without_preallocation_the_file_still_gets_its_size(kind: str, tmp_path: Path) -> None:
    """A file system that has no fallocate is no obstacle."""
    script = """
        destination = make()
        destination.open()
        fill(destination, image)
        destination.publish()
        verify(place / "out", deep=True)
    """
    run(script, tmp_path, kind, wrapper=inject("fallocate", "error=EOPNOTSUPP"))


def test_in_memory_no_page_is_cleared_beforehand(kind: str, tmp_path: Path) -> None:
    """To reserve blocks of a tmpfs is to clear them, long before the first byte is there: the file begins sparse."""
    script = """
        destination = make()
        destination.open()
        print(sum(path.stat().st_blocks for path in place.rglob("*.part")))
        fill(destination, image)
        destination.publish()
        verify(place / "out", deep=True)
    """
    blocks = int(run(script, tmp_path, kind, tmpfs(tmp_path, "4m")))
    assert blocks < 100, "but for the documents, which are there from the beginning"
