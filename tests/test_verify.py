"""verify: an archive is proved whole, or what is wrong with it is named."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives import make_archive, make_tar, members_of
from support.images import OCI_LAYER, MadeImage, make_image, zstd_frame

import dockferry
from dockferry.archive.unpack import unpacked
from dockferry.errors import ContentError
from dockferry.events import BlobDone, Event, Warned
from dockferry.oci.descriptor import OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest
from dockferry.usecases.verify import verify

Members = Dict[str, bytes]


@pytest.fixture
def image() -> MadeImage:
    return make_image([3000, 0, 70_000])


def image_of(layers: List[bytes], plain: List[bytes]) -> MadeImage:
    """An image with these packed layers, whose config promises `plain`."""
    config = json.dumps(
        {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [str(Digest.of(one)) for one in plain]}}
    ).encode()
    made = make_image([])
    descriptor = replace(made.config, digest=Digest.of(config), size=len(config))
    listed = tuple(Descriptor(OCI_LAYER, Digest.of(one), len(one)) for one in layers)
    manifest = {
        "schemaVersion": 2,
        "config": descriptor.to_json(),
        "layers": [one.to_json() for one in listed],
    }
    blobs = {descriptor.digest: config, **{Digest.of(one): one for one in layers}}
    return MadeImage(json.dumps(manifest).encode(), OCI_MANIFEST, descriptor, listed, blobs)


def legacy(image: MadeImage) -> Members:
    """As `docker save` wrote it before 25: layers plain, under names that say nothing of their bytes."""
    paths = [f"{layer.digest.hex}/layer.tar" for layer in image.layers]
    members = {path: gzip.decompress(image.blobs[layer.digest]) for path, layer in zip(paths, image.layers)}
    config = f"{image.config.digest.hex}.json"
    members[config] = image.blobs[image.config.digest]
    members["manifest.json"] = json.dumps([{"Config": config, "RepoTags": ["app:1"], "Layers": paths}]).encode()
    return members


@pytest.mark.parametrize("format", ["docker", "oci"])
@pytest.mark.parametrize("deep", [False, True])
def test_our_archives_are_sound(format: str, deep: bool, image: MadeImage, tmp_path: Path) -> None:
    """Every blob is counted and told, and deep unpacks each layer."""
    events: List[Event] = []
    path = make_archive(tmp_path / "a.tar", image, format=format)
    report = verify(path, deep=deep, on_event=events.append)
    assert report.images == (f"ghcr.io/org/app:1.2@{image.digest}",)
    assert (report.blobs, report.layers, report.notes) == (5, 3 if deep else 0, ())
    assert report.size == sum(len(data) for data in image.blobs.values()) + len(image.manifest)
    assert {event.digest for event in events if isinstance(event, BlobDone)} == {
        str(image.digest),
        *map(str, image.blobs),
    }
    assert report.to_json()["path"] == str(path)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_wrong_bit_is_found(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One bit flipped in a header or a blob is a ContentError; anywhere else it is never a traceback."""
    path = tmp_path_factory.mktemp("bit") / "a.tar"
    whole = make_archive(path, make_image([200, 5000])).read_bytes()
    raw = bytearray(whole)
    place = data.draw(st.integers(min_value=0, max_value=len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(min_value=0, max_value=7))
    path.write_bytes(raw)
    try:
        verify(path)
    except ContentError:
        return
    assert is_inert(whole, place), f"byte {place} is not proved"


def is_inert(whole: bytes, place: int) -> bool:
    """Padding, which nobody reads, and what no digest covers: names in the lists, the layout's minor version."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        infos = tar.getmembers()
    free = [info for info in infos if info.name.endswith((".json", "oci-layout"))]
    if any(info.offset_data <= place < info.offset_data + info.size for info in free):
        return True
    if any(place == info.offset + 155 for info in infos):
        return True
    is_member = any(info.offset <= place < info.offset_data + info.size for info in infos)
    return not is_member and place < len(whole) - 1024


def change(name: str, data: bytes) -> Callable[[MadeImage, Members], None]:
    return lambda image, members: members.__setitem__(name, data)


def first_layer(image: MadeImage) -> str:
    return f"blobs/sha256/{image.layers[0].digest.hex}"


def edit_list(edit: Callable[[Dict[str, List[str]]], object]) -> Callable[[MadeImage, Members], None]:
    def run(image: MadeImage, members: Members) -> None:
        listed = json.loads(members["manifest.json"])
        edit(listed[0])
        members["manifest.json"] = json.dumps(listed).encode()

    return run


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda i, m: m.__setitem__(first_layer(i), bytes(i.layers[0].size)), "wanted sha256:.*, got sha256:"),
        (lambda i, m: m.__setitem__(first_layer(i), b"short"), r"wanted \d+ bytes, got 5"),
        (lambda i, m: m.__delitem__(first_layer(i)), "wanted the member blobs/sha256/.*, got an archive without it"),
        (change("readme.txt", b"hello"), "readme.txt: wanted only what an image needs"),
        (change("blobs/sha256/" + "0" * 64, b"stray"), "wanted sha256:0000"),
        (change("blobs/sha256/00", b"stray"), "wanted a digest"),
        (edit_list(lambda one: one["Layers"].reverse()), "manifest.json: wanted the layers"),
        (edit_list(lambda one: one["Layers"].pop()), "manifest.json: wanted the layers"),
        (edit_list(lambda one: one.__setitem__("RepoTags", ["evil:1"])), "wanted the tags ghcr.io/org/app:1.2, got"),
        (edit_list(lambda one: one.__setitem__("Config", one["Layers"][0])), "wanted the images of index.json"),
    ],
)
def test_what_is_wrong_is_named(
    edit: Callable[[MadeImage, Members], None], message: str, image: MadeImage, tmp_path: Path
) -> None:
    """The member, what was wanted and what was got."""
    members = dict(members_of(make_archive(tmp_path / "a.tar", image)))
    edit(image, members)
    with pytest.raises(ContentError, match=message):
        verify(make_tar(tmp_path / "b.tar", members.items()))


def test_a_sound_blob_of_no_image_is_noted(image: MadeImage, tmp_path: Path) -> None:
    """Engines leave some behind: worth a line, no fault."""
    members = dict(members_of(make_archive(tmp_path / "a.tar", image)))
    members[f"blobs/sha256/{Digest.of(b'stray').hex}"] = b"stray"
    events: List[Event] = []
    report = verify(make_tar(tmp_path / "b.tar", members.items()), on_event=events.append)
    assert report.notes[0].startswith("1 blobs belong to no image")
    assert Warned(report.notes[0]) in events


def test_a_legacy_archive_is_held_to_its_diff_ids(image: MadeImage, tmp_path: Path) -> None:
    """It has no other digests, so its layers are always unpacked and hashed."""
    members = legacy(image)
    report = verify(make_tar(tmp_path / "a.tar", members.items()))
    assert (report.kind, report.layers) == ("docker", 3)
    name = next(name for name in members if name.endswith("layer.tar"))
    members[name] = members[name][:-1] + b"x"
    with pytest.raises(ContentError, match=r"layer\.tar: wanted the diff_id sha256:"):
        verify(make_tar(tmp_path / "b.tar", members.items()))


def test_a_gzipped_archive_is_proved(image: MadeImage, tmp_path: Path) -> None:
    """Through the outer compression, in order."""
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(make_archive(tmp_path / "a.tar", image).read_bytes()))
    assert verify(path, deep=True).layers == 3


PLAIN = bytes(range(256)) * 2000


FORMS = {
    "plain": PLAIN,
    "gzip": gzip.compress(PLAIN),
    "two gzips": gzip.compress(PLAIN[:1000]) + gzip.compress(PLAIN[1000:]),
    "gzip and zeros": gzip.compress(PLAIN) + bytes(99),
    "bzip2": bz2.compress(PLAIN),
    "two bzip2s": bz2.compress(PLAIN[:1000]) + bz2.compress(PLAIN[1000:]),
    "xz": lzma.compress(PLAIN),
}


@pytest.mark.parametrize("packed", FORMS.values(), ids=FORMS)
def test_deep_unpacks_every_form(packed: bytes, tmp_path: Path) -> None:
    """A layer in any form that engines take is held to its diff_id."""
    path = make_archive(tmp_path / "a.tar", image_of([packed], [PLAIN]))
    assert verify(path, deep=True).layers == 1
    wrong = make_archive(tmp_path / "b.tar", image_of([packed], [b"other"]))
    verify(wrong)
    with pytest.raises(ContentError, match=f"wanted the diff_id {Digest.of(b'other')}, got {Digest.of(PLAIN)}"):
        verify(wrong, deep=True)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_damaged_packing_is_named(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Cut short, spoilt, or followed by rubbish: a ContentError with the member, though its digest is right."""
    whole = pack(PLAIN)
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 0xFF
    for place, layer in enumerate([whole[:-3], whole[:20], bytes(spoilt), whole + b"rubbish"]):
        path = make_archive(tmp_path / f"{place}.tar", image_of([layer], [PLAIN]))
        verify(path)
        with pytest.raises(ContentError, match=r"blobs/sha256/.*: wanted"):
            verify(path, deep=True)


def test_zstd_is_unpacked_where_it_can_be(tmp_path: Path) -> None:
    """With a decompressor the diff_id is checked; without one a note says so, and nothing is called wrong."""
    has_zstd = sys.version_info >= (3, 14) or find_spec("zstandard") is not None
    path = make_archive(tmp_path / "a.tar", image_of([zstd_frame(PLAIN)], [PLAIN]))
    report = verify(path, deep=True)
    assert report.layers == (1 if has_zstd else 0)
    assert ["pip install zstandard" in note for note in report.notes] == ([] if has_zstd else [True])
    wrong = make_archive(tmp_path / "b.tar", image_of([zstd_frame(PLAIN)], [b"other"]))
    try:
        assert verify(wrong, deep=True).layers == 0
        assert not has_zstd
    except ContentError:
        assert has_zstd


@pytest.mark.rule(9)
def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    """A layer that unpacks to 100 MB is hashed within 30 MB more than a plain verification needs."""
    path = make_archive(tmp_path / "a.tar", image_of([gzip.compress(bytes(100_000_000), 1)], [b""]))
    script = """
        import resource, sys
        sys.path.insert(0, sys.argv[1])
        from dockferry.errors import ContentError
        from dockferry.usecases.verify import verify
        verify(sys.argv[2])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            verify(sys.argv[2], deep=True)
        except ContentError as error:
            print(error)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000
    """
    source = str(Path(str(dockferry.__file__)).parents[1])
    code = "\n".join(line[8:] for line in script.splitlines())
    done = subprocess.run(
        [sys.executable, "-c", code, source, str(path)], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "wanted the diff_id" in done.stdout


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.rule(9)
def test_a_bomb_costs_little_time(pack: Callable[[bytes], bytes]) -> None:
    """Unpacking ends at the cap, with what came before it given out in small steps."""
    sizes: List[int] = []
    with pytest.raises(ContentError, match="layer: wanted a layer of at most 1000000 bytes unpacked, got more"):
        sizes.extend(len(chunk) for chunk in unpacked(io.BytesIO(pack(bytes(10_000_000))), 1_000_000, "layer"))
    assert max(sizes) <= 65536
    assert sum(sizes) <= 1_000_000
