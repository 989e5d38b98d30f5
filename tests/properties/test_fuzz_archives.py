"""Whatever an archive from a stranger holds: it is proved, or refused with ContentError, in plain words, at once."""

from __future__ import annotations

import copy
import functools
import gzip
import io
import json
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from tarfile import (
    AREGTYPE,
    BLKTYPE,
    CONTTYPE,
    DIRTYPE,
    FIFOTYPE,
    GNUTYPE_LONGNAME,
    GNUTYPE_SPARSE,
    LNKTYPE,
    REGTYPE,
    SYMTYPE,
    XHDTYPE,
)
from typing import Any, Dict, List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archives import make_archive
from support.images import make_image
from support.said import assert_plain, only
from support.thorough import examples

from dockferry import verify
from dockferry.cli import show
from dockferry.errors import ContentError
from dockferry.oci.digest import Digest
from dockferry.usecases.inspection import inspect_archive

IMAGE = make_image([300, 2000])
KINDS = st.one_of(
    st.sampled_from([REGTYPE, AREGTYPE, CONTTYPE, LNKTYPE, SYMTYPE, DIRTYPE, BLKTYPE, FIFOTYPE]),
    st.sampled_from([GNUTYPE_SPARSE, GNUTYPE_LONGNAME, XHDTYPE, b"Z", b"\xff"]),
)
SHARES = st.floats(0, 1, width=16)
RUDE = st.sampled_from(["\x1b[31m", "\x07", "\u202e", "\u2028", "\r\n", "\x9b2J", "\udcff", "a" * 3000, "", "/", "-"])
NAMES = st.one_of(
    st.sampled_from(["../x", "/etc/passwd", "a/../b", "./index.json", "blobs/sha256", "blobs/sha256/x", "a\\b"]),
    st.sampled_from(["index.json", "manifest.json", "oci-layout", "repositories", f"{64 * '0'}/layer.tar", "C:x"]),
    RUDE,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "a.tar"


@functools.lru_cache(maxsize=None)
def good() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        return make_archive(Path(directory) / "a.tar", IMAGE).read_bytes()


def check(path: Path, *, deep: bool = True) -> Optional[str]:
    """Prove and inspect what is at `path`; the refusal's words, None where it was proved."""
    with only(ContentError) as refused:
        report = verify(path, deep=deep)
        for words in report.notes:
            assert_plain(words)
    with only(ContentError):
        for summary in inspect_archive(path):
            for line in show.as_text(summary).split("\n"):
                assert_plain(line, 4200)  # a name and a value, each cut at 2000
            assert "\n" not in show.as_json(summary)
    return refused[0] if refused else None


@examples(150)
@given(
    start=SHARES,
    length=st.one_of(st.integers(0, 8), st.integers(0, 2000)),
    data=st.one_of(st.binary(max_size=8), st.integers(0, 2000).map(bytes)),
    is_gzipped=st.booleans(),
)
def test_any_splice_is_found(start: float, length: int, data: bytes, is_gzipped: bool, path: Path) -> None:
    """Bytes of a good archive taken out and others put in, plain or under gzip: refused, or still the same image."""
    whole = gzip.compress(good(), 1) if is_gzipped else good()
    place = int(len(whole) * start)
    path.write_bytes(whole[:place] + data + whole[place + length :])
    check(path)


@examples(150)
@given(offset=st.integers(0, 511), data=st.binary(min_size=1, max_size=12) | KINDS, which=st.integers(0, 9))
def test_any_header_with_a_right_checksum(offset: int, data: bytes, which: int, path: Path) -> None:
    """A member's header with other bytes, its checksum made right again: refused, or still the same image."""
    with tarfile.open(fileobj=io.BytesIO(good())) as tar:
        headers = [info.offset for info in tar]
    at = headers[which % len(headers)]
    block = bytearray(good()[at : at + 512])
    block[offset : offset + len(data)] = data
    del block[512:]
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    path.write_bytes(good()[:at] + bytes(block) + good()[at + 512 :])
    check(path)


@dataclass(frozen=True)
class Change:
    """What befalls the `one`-th member; the `other`, `name`, `kind` and `share` where it needs them."""

    what: str
    one: int
    other: int
    name: str
    kind: bytes
    share: float

    def do(self, members: List[Tuple[tarfile.TarInfo, bytes]]) -> None:
        one, other = self.one % len(members), self.other % len(members)
        info, content = copy.copy(members[one][0]), members[one][1]
        if self.what == "lost" and len(members) > 1:
            del members[one]
            return
        if self.what == "doubled":
            members.append(members[one])
            return
        if self.what == "moved":
            members.insert(other, members.pop(one))
            return
        if self.what == "renamed":
            info.name = self.name
        elif self.what == "turned":
            info.type = self.kind
        elif self.what == "linked":
            info.type, info.linkname, content = SYMTYPE, self.name or members[other][0].name, b""
        elif self.what == "swapped":
            content = members[other][1]
        else:
            content = content[: int(len(content) * self.share)]
        info.size = len(content)
        members[one] = info, content


WHATS = st.sampled_from(["lost", "doubled", "moved", "renamed", "turned", "linked", "swapped", "cut"])
PLACES = st.integers(0, 7)


@examples(150)
@given(
    changes=st.lists(st.builds(Change, WHATS, PLACES, PLACES, NAMES, KINDS, SHARES), min_size=1, max_size=3),
    format=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_any_shuffle_of_members(changes: List[Change], format: int, path: Path) -> None:
    """Members lost, doubled, swapped, renamed, turned into links and devices: refused, or still an image."""
    with tarfile.open(fileobj=io.BytesIO(good())) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]
    for change in changes:
        change.do(members)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, encoding="utf-8") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    path.write_bytes(out.getvalue())
    check(path)


_OCI = ["mediaType", "digest", "size", "config", "layers", "manifests", "annotations", "platform", "os", "rootfs"]
_DOCKER = [
    "architecture",
    "diff_ids",
    "created",
    "Env",
    "Labels",
    "Config",
    "RepoTags",
    "Layers",
    "imageLayoutVersion",
]
KEYS = st.sampled_from(_OCI + _DOCKER)
TAGS = st.sampled_from(["app:1", "r.example/a/b:1", "io.containerd.image.name", "\x1b[2J:1", "app@sha256:x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**66) | st.text(max_size=8) | RUDE | TAGS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | RUDE | TAGS, inner, max_size=3),
    max_leaves=6,
)
CHANGES = st.dictionaries(KEYS, JSON, max_size=2)


@examples(200)
@given(config=CHANGES, manifest=CHANGES, entry=CHANGES, index=CHANGES, docker=CHANGES, settings=CHANGES)
def test_any_documents_that_hash_right(
    config: Dict[str, Any],
    manifest: Dict[str, Any],
    entry: Dict[str, Any],
    index: Dict[str, Any],
    docker: Dict[str, Any],
    settings: Dict[str, Any],
    path: Path,
) -> None:
    """Documents with anything in them, their digests right all the way down: refused, or shown in plain words."""
    blobs: Dict[str, bytes] = {}

    def stored(document: Dict[str, Any], like: Dict[str, Any]) -> Dict[str, Any]:
        raw = json.dumps(document).encode()
        digest = Digest.of(raw)
        blobs[f"blobs/sha256/{digest.hex}"] = raw
        return {**like, "digest": str(digest), "size": len(raw)}

    made = json.loads(IMAGE.manifest)
    made["config"] = stored(
        {**json.loads(IMAGE.blobs[IMAGE.config.digest]), "config": settings, **config}, made["config"]
    )
    line = {"Config": f"blobs/sha256/{made['config']['digest'][7:]}", "RepoTags": ["app:1"]}
    line["Layers"] = [f"blobs/sha256/{layer.digest.hex}" for layer in IMAGE.layers]
    top = stored({**made, **manifest}, {"mediaType": IMAGE.media_type})
    members = {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [{**top, **entry}], **index}).encode(),
        "manifest.json": json.dumps([{**line, **docker}]).encode(),
        **blobs,
        **{f"blobs/sha256/{layer.digest.hex}": IMAGE.blobs[layer.digest] for layer in IMAGE.layers},
    }
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    check(path)
