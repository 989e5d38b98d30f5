"""What systems do differently, in both ways: the one that is not Linux's is run here all the same."""

from __future__ import annotations

import ntpath
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import windows
from support.command import environment

from dockferry.system import boot, disk, names, paths, shell, sockets
from dockferry.system.language import language_of
from dockferry.system.pipes import has_no_reader
from dockferry.system.programs import maybe_program


def on_windows(directory: Path, program: str) -> str:
    """What `program` prints where the package takes Linux for Windows."""
    rules = f"import sys\nsys.path.insert(0, {str(Path(windows.__file__).parent)!r})\n"
    rules += "import windows\nwindows.become_windows()\n"
    done = subprocess.run(
        [sys.executable, "-c", rules + program],
        cwd=directory,
        env=environment(directory),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


# Names


@pytest.mark.parametrize(
    "name", ["con", "CON", "prn.txt", "nul.tar.gz", "com1", "LPT9.x", "conin$", "aux .txt", "com²"]
)
def test_names_of_devices(name: str) -> None:
    """Whatever follows the first dot; another name is found, that is none and ends alike."""
    assert names.is_device(name)
    assert not names.is_device(names.portable(name))
    assert names.portable(name).endswith(name)


@pytest.mark.parametrize(
    "name", ["console", "com", "com10", "com10.tar", "null", "a.con", "_con", "lpt", "nul_1.tar"]
)
def test_names_that_only_look_like_them(name: str) -> None:
    """They stay as they are."""
    assert not names.is_device(name)
    assert names.portable(name) == name


@given(st.text(st.sampled_from("aco nul1._-"), min_size=1, max_size=12))
def test_a_portable_name_is_one(name: str) -> None:
    """It is no device's, Windows leaves nothing out at its end, and it does not change again."""
    found = names.portable(name)
    assert not names.is_device(found)
    assert found.rstrip(". ") == found
    assert names.portable(found) == found


# Paths

DEEP = "\\".join(["a" * 60] * 4)


@pytest.mark.parametrize(
    ("path", "long"),
    [
        (rf"C:\{DEEP}\out.tar", rf"\\?\C:\{DEEP}\out.tar"),
        (rf"C:/{DEEP}/x/../out.tar".replace("\\", "/"), rf"\\?\C:\{DEEP}\out.tar"),
        (rf"\\server\share\{DEEP}\out.tar", rf"\\?\UNC\server\share\{DEEP}\out.tar"),
    ],
)
def test_a_long_path_gets_windows_mark(path: str, long: str) -> None:
    """Whole and in its own separators; a share's too. People see it without the mark; twice is once."""
    assert paths.long_form(path) == long
    assert paths.long_form(long) == long
    assert paths.short_form(long) == ntpath.normpath(path)


@pytest.mark.parametrize("path", [r"C:\out.tar", "out.tar", r"\\server\share\out.tar", r"\\.\nul", r"..\out.tar"])
def test_a_short_path_stays(path: str) -> None:
    """As it was typed, and as it was shown before."""
    assert paths.long_form(path) == path == paths.short_form(path)


def test_the_mark_comes_before_it_is_too_late() -> None:
    """What we put beside a file and below a directory has room in what the calls take without it (259 characters)."""
    beside = [".part.journal.new", ".part.lock"]
    below = [r"\.dockferry\sha512-" + "0" * 128 + ".part", r"\blobs\sha512" + "\\" + "0" * 128]
    longest = max((rf"C:\{'a' * size}" for size in range(250)), key=lambda path: len(path) * is_short(path))
    assert max(len(longest + name) for name in beside) <= 259
    assert max(len(longest + name) for name in below) <= 259


def is_short(path: str) -> bool:
    return paths.long_form(path) == path


def test_elsewhere_no_path_is_too_long_for_a_mark() -> None:
    """Linux and macOS have a limit of their own, and no such mark."""
    assert paths.usable(Path("/" + "a" * 300)) == paths.plain(Path("/" + "a" * 300)) == Path("/" + "a" * 300)


# Words that are shown


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=20))
def test_a_posix_word_is_one(text: str) -> None:
    """A real shell reads it as it was meant."""
    done = subprocess.run(["sh", "-c", f"printf %s {shell.for_posix(text)}"], capture_output=True, check=True)
    assert done.stdout.decode() == text


@pytest.mark.parametrize(
    ("text", "word"),
    [(r"C:\a\b.tar", r"C:\a\b.tar"), (r"C:\my files\b.tar", r'"C:\my files\b.tar"'), ("a&b", '"a&b"'), ("", '""')],
)
def test_a_windows_word_is_one(text: str, word: str) -> None:
    """Both shells there take double quotes, and a path can have none in it."""
    assert shell.for_windows(text) == word


# Files


def test_a_size_and_a_lock_and_a_boot_without_linux_calls(tmp_path: Path) -> None:
    """Preallocation leaves a file of that size, its blocks are unknown, and no boot is like another."""
    program = """
import os
from pathlib import Path
from dockferry.system import boot, preallocate, random_access
file = random_access.open_file(Path("file"), os.O_RDWR | os.O_CREAT)
preallocate.preallocate(file.fd, 300_000)
file.write(299_998, memoryview(b"ab"))
try:
    preallocate.allocated(Path("file"))
except OSError:
    print(type(file).__name__, os.fstat(file.fd).st_size, boot.boot_identity("-"))
"""
    assert on_windows(tmp_path, program) == "SeekingFile 300000 -"
    assert (tmp_path / "file").read_bytes() == bytes(299_998) + b"ab"


def test_a_boot_that_the_system_does_not_name() -> None:
    """macOS' and Windows' ways find nothing here, and say so as `boot_identity` expects."""
    for ask in (boot.on_macos, boot.on_windows):
        with pytest.raises((OSError, AttributeError)):
            ask()


def test_a_full_sync_where_there_is_none(tmp_path: Path) -> None:
    """macOS' call is not there: by fsync then; what is no file fails as it should."""
    with open(tmp_path / "file", "wb") as file:
        file.write(b"x")
        disk.sync_fully(file.fileno())
        number = file.fileno()
    with pytest.raises(OSError, match="Bad file descriptor"):
        disk.sync_fully(number)


@pytest.mark.parametrize("count", [0, 5_000_000, 5_000_001])
@pytest.mark.parametrize("way", [sockets.send_file, sockets.by_reading])
def test_both_ways_to_send_a_file(way: Callable[..., int], count: int, tmp_path: Path) -> None:
    """The same bytes arrive, and a file that is shorter than was said shows in what they count."""
    data = bytes(range(251)) * 20_000
    (tmp_path / "file").write_bytes(data)
    near, far = socket.socketpair()
    got = bytearray()
    reader = threading.Thread(target=lambda: got.extend(read_all(far)))
    reader.start()
    with open(tmp_path / "file", "rb") as file, near:
        sent = way(near, file, 20_000, count) if count else 0
    reader.join()
    assert bytes(got) == data[20_000 : 20_000 + count]
    assert sent == len(got)


def read_all(sock: socket.socket) -> bytes:
    with sock, sock.makefile("rb") as stream:
        return stream.read()


# The rest


def test_a_pipe_without_a_reader(tmp_path: Path) -> None:
    """The error of a real one; an invalid argument is none here, and is one on Windows."""
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(OSError, match="Broken pipe") as caught:
        os.write(writing, b"x")
    os.close(writing)
    assert has_no_reader(caught.value)
    assert not has_no_reader(OSError(22, "Invalid argument"))
    program = (
        "from dockferry.system.pipes import has_no_reader\nprint(has_no_reader(OSError(22, 'Invalid argument')))"
    )
    assert on_windows(tmp_path, program) == "True"


@pytest.mark.parametrize(("identifier", "language"), [(0x0804, "zh"), (0x0404, "zh"), (0x0409, ""), (0x0411, "")])
def test_windows_languages(identifier: int, language: str) -> None:
    """Chinese of any kind is told from the others."""
    assert language_of(identifier) == language


def test_programs_by_their_endings(tmp_path: Path) -> None:
    """Windows' endings are tried in turn in each directory of PATH; a relative directory is not looked into."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    for name in ("one/helper.cmd", "two/helper.exe", "two/helper"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": os.pathsep.join(["one", str(tmp_path / "one"), str(tmp_path / "two")])}
    assert maybe_program("helper", environ, (".exe", ".cmd")) == str(tmp_path / "one" / "helper.cmd")
    assert maybe_program("helper", environ) == str(tmp_path / "two" / "helper")
    assert maybe_program("other", environ, (".exe", ".cmd", "")) is None


def test_signals_that_windows_has(tmp_path: Path) -> None:
    """Those that are there end the program; SIGHUP is none of them."""
    program = "from dockferry.system.signals import ENDING\nprint(*(number.name for number in ENDING))"
    assert on_windows(tmp_path, program) == "SIGINT SIGTERM"


def test_as_many_files_as_it_takes(tmp_path: Path) -> None:
    """Windows has no limit that a process could ask for."""
    program = "from dockferry.system.open_files import may_open\nprint(may_open(10**9))"
    assert on_windows(tmp_path, program) == "True"
