"""Tar headers: the same bytes everywhere, and read by others."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockferry.archive import tar

GIB = 1 << 30
LONG = "blobs/sha512/" + "0123456789abcdef" * 8


def test_a_header_is_these_bytes_on_every_python() -> None:
    """The bytes depend on name and size alone: a change of Python or of this code would show here."""
    expected = (
        b"oci-layout".ljust(100, b"\0")
        + b"0000644\0" + b"0000000\0" + b"0000000\0" + b"00000000036\0" + b"00000000000\0" + b"011214\0 "
        + b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" + b"0000000\0" + bytes(167)
    )  # fmt: skip
    assert tar.header("oci-layout", 30) == expected
    extended = tar.header(LONG, 9 * GIB)
    assert extended[512:].startswith(b"151 path=" + LONG.encode() + b"\n19 size=9663676416\n\0")
    digest = hashlib.sha256(extended).hexdigest()
    assert digest == "da57cfd034f77d92e1ef04ddce738ace4f5b06b0469c1afbfa07132cec7eee07"


@pytest.mark.parametrize("name", ["index.json", "blobs/sha256/" + "a" * 64, "n" * 100, "n" * 101, LONG])
@pytest.mark.parametrize("size", [0, 1, 511, 512, 8 * GIB - 1, 8 * GIB, 9 * GIB, 1 << 45])
def test_the_standard_library_reads_what_a_header_says(name: str, size: int) -> None:
    """Name, size, mode, owner and time come back, whether a pax header was needed or not."""
    raw = tar.header(name, size)
    assert len(raw) == (1536 if len(name) > 100 or size >= 8 * GIB else 512)
    with tarfile.open(fileobj=io.BytesIO(raw + tar.END)) as read:
        info = read.next()
    assert info is not None
    assert (info.name, info.size, info.type) == (name, size, tarfile.REGTYPE)
    assert (info.mode, info.mtime, info.uid, info.gid, info.uname, info.gname) == (0o644, 0, 0, 0, "", "")


@given(st.integers(min_value=0, max_value=1 << 46))
def test_padding_fills_the_last_block(size: int) -> None:
    """Data and padding are whole blocks, and padding is less than one."""
    assert (size + len(tar.padding(size))) % tar.BLOCK == 0
    assert len(tar.padding(size)) < tar.BLOCK


def test_gnu_tar_writes_the_same_bytes(tmp_path: Path) -> None:
    """An independent program, told to leave out time and owner, makes the very same archive.

    But for the device fields, which mean nothing for files: GNU tar leaves them empty from 1.35 on.
    """
    files = {"oci-layout": b"{}", "blob": b"x" * 1000, "empty": b"", "block": b"y" * 512}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    plain = ["--mtime=@0", "--mode=0644", "--owner=:0", "--group=:0", "--numeric-owner"]
    command = ["tar", "--format=ustar", "-b1", *plain, "-C", str(tmp_path), "-cf", "-", *files]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    ours = b"".join(tar.header(name, len(data)) + data + tar.padding(len(data)) for name, data in files.items())
    assert _without_devices(ours + tar.END) == _without_devices(made)


def _without_devices(data: bytes) -> bytes:
    """Of every block all but the device fields and the checksum over them."""
    blocks = (data[place : place + tar.BLOCK] for place in range(0, len(data), tar.BLOCK))
    return b"".join(block[:148] + block[156:329] + block[345:] for block in blocks)


def test_a_member_past_8_gib_is_found_by_gnu_tar_and_by_python(tmp_path: Path) -> None:
    """A pax size leads both to the member behind a 9 GiB one (a sparse file: no such bytes are written)."""
    path = tmp_path / "big.tar"
    with path.open("wb") as file:
        file.write(tar.header("blobs/big", 9 * GIB))
        file.seek(9 * GIB, io.SEEK_CUR)
        file.write(tar.header("after", 5) + b"hello" + tar.padding(5) + tar.END)
    listed = subprocess.run(["tar", "tvf", str(path)], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert [line.split()[2:] for line in listed.splitlines()] == [
        [str(9 * GIB), "1970-01-01", "00:00", "blobs/big"],
        ["5", "1970-01-01", "00:00", "after"],
    ]
    with tarfile.open(path) as read:
        assert [(info.name, info.size) for info in read] == [("blobs/big", 9 * GIB), ("after", 5)]
        found = read.extractfile("after")
        assert found is not None
        assert found.read() == b"hello"
