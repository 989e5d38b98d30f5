"""Unpacking: whatever unpacks here, the bytes are the same, and damaged data is the same error."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import zlib
from typing import Dict, List, Optional, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.command import environment
from support.plain import tar_of, zstd_packed

from dockferry.archive.gzip_modules import GZIP_MODULES, available
from dockferry.archive.unpack import Readable, unpacked
from dockferry.errors import ContentError

PLAIN = tar_of("random", 150_000) + bytes(200_000) + b"".join(b"%d\n" % number for number in range(20_000))


def raw_header(flags: int, extra: bytes = b"") -> bytes:
    """A gzip header (RFC 1952) with these flags."""
    return b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + extra


def packed(header: bytes, level: int = 6, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    maker = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
    tail = zlib.crc32(PLAIN).to_bytes(4, "little") + len(PLAIN).to_bytes(4, "little")
    return header + maker.compress(PLAIN) + maker.flush() + tail


CORPUS: Dict[str, bytes] = {
    **{f"level {level}": gzip.compress(PLAIN, level, mtime=0) for level in (0, 1, 6, 9)},
    "two members": gzip.compress(PLAIN[:1000]) + gzip.compress(PLAIN[1000:]),
    "many members": b"".join(gzip.compress(PLAIN[at : at + 9000]) for at in range(0, len(PLAIN), 9000)),
    "an empty member between": gzip.compress(PLAIN[:50]) + gzip.compress(b"") + gzip.compress(PLAIN[50:]),
    "zeros after it": gzip.compress(PLAIN) + bytes(100_000),
    "name": packed(raw_header(8, b"layer.tar\0")),
    "comment": packed(raw_header(16, b"made by hand\0")),
    "extra field": packed(raw_header(4, b"\x05\0extra")),
    "all fields": packed(raw_header(4 + 8 + 16, b"\x05\0extralayer.tar\0made by hand\0")),
    "fixed codes": packed(raw_header(0), strategy=zlib.Z_FIXED),
    "huffman alone": packed(raw_header(0), strategy=zlib.Z_HUFFMAN_ONLY),
    "run lengths": packed(raw_header(0), strategy=zlib.Z_RLE),
}


class Drip:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._inner, self._step = io.BytesIO(data), step

    def read(self, size: int) -> bytes:
        return self._inner.read(min(size, self._step))


def outcome(data: bytes, module: Optional[str], stream: Optional[Readable] = None) -> Tuple[bytes, str]:
    """What came, whole or until it failed, and the error."""
    came: List[bytes] = []
    try:
        for chunk in unpacked(stream or io.BytesIO(data), 1 << 30, "layer", module):
            assert len(chunk) <= 65536
            came.append(chunk)
    except ContentError as error:
        return b"".join(came), str(error)
    return b"".join(came), ""


def test_each_is_here() -> None:
    """So that the tests below try all of them; the first is taken."""
    assert available() == GZIP_MODULES


@pytest.mark.parametrize("module", GZIP_MODULES)
@pytest.mark.parametrize("data", CORPUS.values(), ids=CORPUS)
def test_all_unpack_the_same(module: str, data: bytes) -> None:
    """Every way in which gzip data is made, whole and byte by byte."""
    assert outcome(data, module) == (PLAIN, "")
    assert outcome(data, module, Drip(data, 777)) == (PLAIN, "")
    short = gzip.compress(PLAIN[:3000])
    assert outcome(b"", module, Drip(short, 1)) == (PLAIN[:3000], "")


@pytest.mark.parametrize("module", GZIP_MODULES)
@pytest.mark.parametrize("data", CORPUS.values(), ids=CORPUS)
def test_damage_is_the_same_error(module: str, data: bytes) -> None:
    """Cut short, spoilt in the middle, in the checksum and in the length, or followed by rubbish."""
    whole = data.rstrip(b"\0") if data.endswith(bytes(100)) else data
    cut = "layer: wanted gzip data to its end, got only a part of it"
    damaged = "layer: wanted sound gzip data, got damaged bytes"
    for size in (3, 9, 15, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        if "member" in "".join(name for name, one in CORPUS.items() if one is data) and size > 20:
            continue
        assert outcome(whole[:size], module)[1] == cut, size
    for place in (-8, -1):
        spoilt = bytearray(gzip.compress(PLAIN))
        spoilt[place] ^= 1
        assert outcome(bytes(spoilt), module)[1] == damaged
    assert outcome(whole + b"rubbish", module)[1] == damaged


@pytest.mark.parametrize("module", GZIP_MODULES)
def test_flags_that_no_gzip_has_are_damage(module: str) -> None:
    """In the first member and in the next: one library would let them pass."""
    for bit in (0x20, 0x40, 0x80):
        bad = packed(raw_header(bit))
        for data in (bad, gzip.compress(b"first") + bad):
            assert outcome(data, module)[1] == "layer: wanted sound gzip data, got damaged bytes"


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(CORPUS)), share=st.floats(0, 1), bit=st.integers(0, 7))
def test_a_wrong_bit_is_the_same_for_all(name: str, share: float, bit: int) -> None:
    """All find it, or it changes nothing that is unpacked: each gives the same bytes or the same error."""
    data = bytearray(CORPUS[name])
    data[int(share * (len(data) - 1))] ^= 1 << bit
    found = {module: outcome(bytes(data), module) for module in GZIP_MODULES}
    errors = {error for _, error in found.values()}
    assert len(errors) == 1, found
    if errors == {""}:
        assert len({came for came, _ in found.values()}) == 1


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2000).map(lambda data: b"\x1f\x8b" + data))
def test_rubbish_is_no_traceback(data: bytes) -> None:
    """Whatever begins like gzip."""
    for module in GZIP_MODULES:
        outcome(data, module)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zstd_packed(data).data])
def test_other_forms_come_whole(pack: object) -> None:
    """bzip2, xz and zstd, also where a stream gives a little at a time."""
    data = pack(PLAIN)  # type: ignore[operator]
    assert outcome(data, None) == (PLAIN, "")
    assert outcome(data, None, Drip(data, 999)) == (PLAIN, "")


def test_zstd_frames_are_read_on() -> None:
    """Several in a row, as zstd:chunked has them; a damaged one is named."""
    data = zstd_packed(PLAIN[:5000]).data + zstd_packed(PLAIN[5000:]).data
    assert outcome(data, None) == (PLAIN, "")
    spoilt = bytearray(data)
    spoilt[len(data) // 2] ^= 0xFF
    assert outcome(bytes(spoilt), None)[0] != PLAIN or outcome(bytes(spoilt), None)[1]


@pytest.mark.parametrize("missing", [(), ("isal",), ("isal", "zlib_ng")])
def test_what_is_not_installed_is_not_needed(missing: Tuple[str, ...], tmp_path: object) -> None:
    """Without the faster ones the next is taken, and the bytes are the same."""
    code = f"""
        import sys
        for name in {missing!r}:
            sys.modules[name] = None
        import io, random, hashlib, gzip
        from dockferry.archive.gzip_modules import available
        from dockferry.archive.unpack import unpacked
        data = random.Random(1).getrandbits(80_000).to_bytes(10_000, "big")
        assert b"".join(unpacked(io.BytesIO(gzip.compress(data)), 1 << 20, "x")) == data
        print(available()[0])
    """
    script = "\n".join(line[8:] for line in code.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        check=True,  # type: ignore[arg-type]
    )
    assert done.stdout.strip() == GZIP_MODULES[len(missing)]


def wide_zstd(exponent: int) -> bytes:
    """A sound frame that asks for a window of 2 ** exponent bytes."""
    import zstandard

    choice = zstandard.ZstdCompressionParameters.from_level(1, window_log=exponent)
    maker = zstandard.ZstdCompressor(compression_params=choice).compressobj()
    return maker.compress(PLAIN) + maker.flush()


def wide_xz(size: int) -> bytes:
    return lzma.compress(PLAIN, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": size}])


@pytest.mark.parametrize("data", [wide_zstd(27), wide_xz(64 << 20)])
def test_a_window_of_usual_tools_is_taken(data: bytes) -> None:
    """`zstd --ultra -22` and `xz -9` make no larger ones."""
    assert b"".join(unpacked(io.BytesIO(data), len(PLAIN), "layer")) == PLAIN


@pytest.mark.parametrize(("kind", "data"), [("zstd", wide_zstd(28)), ("xz", wide_xz(256 << 20))])
def test_a_window_that_takes_too_much_memory_is_refused(kind: str, data: bytes) -> None:
    """Whoever packed it would have the memory of all who unpack it."""
    with pytest.raises(ContentError, match=f"wanted sound {kind} data with a window of at most 128 MiB"):
        b"".join(unpacked(io.BytesIO(data), len(PLAIN), "layer"))
