"""The tar of old: what stands in it, to the byte, whatever the order in which its layers came."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives import content_of, members_of
from support.images import MadeImage
from support.plain import Packed, all_kinds, gzipped, image_of, tar_of, unpacked

from dockferry.archive import tar
from dockferry.archive.byte_file import PlainFile
from dockferry.archive.left_over import remove_tar_part, tar_part
from dockferry.archive.legacy import LegacyPlan, layer_ids
from dockferry.archive.legacy_tar import LegacyTar
from dockferry.archive.part_file import PartFile
from dockferry.archive.plain_form import is_good
from dockferry.archive.tar_walk import walk
from dockferry.errors import DiskError
from dockferry.oci.digest import Digest
from dockferry.oci.reference import Reference
from dockferry.system import disk
from dockferry.usecases.inspection import inspect_archive
from dockferry.usecases.verify import verify

NAME = Reference.parse("ghcr.io/org/app:1.2")
LAYERS = all_kinds(3000)
GIB = 1 << 30


def plain_by_diff_id(layers: List[Packed]) -> Dict[Digest, bytes]:
    return {Digest.of(one.plain): one.plain for one in layers}


def made(path: Path, image: MadeImage, layers: List[Packed], order: List[int], name: Reference = NAME) -> Path:
    """The tar, its layers finished in this order, all of them begun before."""
    path.parent.mkdir(exist_ok=True)
    form = LegacyTar(path, content_of(image, name))
    plain = plain_by_diff_id(layers)
    form.open()
    sinks = [form.sink(number) for number in range(len(form.layers))]
    for number in order:
        data = plain[form.layers[number].diff_id]
        for start in range(0, len(data), 1000):
            sinks[number].write(data[start : start + 1000])
        sinks[number].finish()
    form.publish()
    form.close()
    return path


def make(path: Path, layers: List[Packed] = LAYERS, name: Reference = NAME) -> Tuple[Path, MadeImage]:
    image = image_of(layers, author="me", history=[{"created_by": "x"}], created="2024-05-06T07:08:09Z")
    count = len(plain_by_diff_id(layers))
    return made(path, image, layers, list(range(count)), name), image


def test_it_holds_what_docker_save_wrote(tmp_path: Path) -> None:
    """config, manifest.json, repositories, and for each layer VERSION, json and layer.tar; a repetition is a link."""
    path, image = make(tmp_path / "a.tar")
    members = dict(members_of(path))
    (entry,) = json.loads(members["manifest.json"])
    assert entry["Config"] == f"{image.config.digest.hex}.json"
    assert members[entry["Config"]] == image.blobs[image.config.digest]
    assert entry["RepoTags"] == ["ghcr.io/org/app:1.2"]
    ids = [name.partition("/")[0] for name in entry["Layers"]]
    assert json.loads(members["repositories"]) == {"ghcr.io/org/app": {"1.2": ids[-1]}}
    with tarfile.open(path) as opened:
        for place, (one, layer) in enumerate(zip(ids, LAYERS)):
            stream = opened.extractfile(f"{one}/layer.tar")
            assert stream is not None
            assert stream.read() == layer.plain
            assert members[f"{one}/VERSION"] == b"1.0"
            said = json.loads(members[f"{one}/json"])
            assert said["id"] == one
            assert said.get("parent") == (ids[place - 1] if place else None)
        links = {info.name: info.linkname for info in opened if info.issym()}
        assert links == {
            f"{ids[7]}/layer.tar": f"../{ids[0]}/layer.tar",
            f"{ids[8]}/layer.tar": f"../{ids[2]}/layer.tar",
        }
        assert {(info.mtime, info.uid, info.gid, info.uname) for info in opened} == {(0, 0, 0, "")}
    top = json.loads(members[f"{ids[-1]}/json"])
    assert (top["author"], top["config"], top["created"]) == ("me", {"Cmd": ["/bin/sh"]}, "2024-05-06T07:08:09Z")
    assert "rootfs" not in top
    assert "history" not in top


def test_our_own_commands_take_it(tmp_path: Path) -> None:
    """verify proves every layer, deep or not, and inspect shows the image."""
    path, image = make(tmp_path / "a.tar")
    for deep in (False, True):
        report = verify(path, deep=deep)
        assert (report.kind, report.layers, report.notes) == ("docker", len(LAYERS), ())
        assert report.images == (f"ghcr.io/org/app:1.2 ({image.config.digest})",)
    (found,) = inspect_archive(path)
    assert (found.name, found.platform) == ("ghcr.io/org/app:1.2", "linux/amd64")
    assert [layer.diff_id for layer in found.layers] == [str(Digest.of(one.plain)) for one in LAYERS]


def test_an_image_without_a_tag_has_no_repositories(tmp_path: Path) -> None:
    """As Docker had it: there is nothing to name."""
    path, _ = make(tmp_path / "a.tar", name=Reference.parse("app@sha256:" + "0" * 64))
    members = dict(members_of(path))
    assert "repositories" not in members
    assert json.loads(members["manifest.json"])[0]["RepoTags"] == []


def test_ids_tell_what_stands_below(tmp_path: Path) -> None:
    """The same layers below give the same names; another config another top alone."""
    a, b, c = (Digest.of(text) for text in (b"a", b"b", b"c"))
    one, other = layer_ids([a, b, b], Digest.of(b"1")), layer_ids([a, b, b], Digest.of(b"2"))
    assert one[:2] == other[:2]
    assert one[2] != other[2]
    assert len(set(one)) == 3
    assert layer_ids([c, b], a)[0] != one[0]
    assert layer_ids([], a) == []


ORDERS = st.permutations(range(len(plain_by_diff_id(LAYERS))))


@settings(max_examples=40, deadline=None)
@given(order=ORDERS)
def test_bytes_do_not_depend_on_the_order(order: List[int], tmp_path_factory: pytest.TempPathFactory) -> None:
    """In whatever order layers finish: the same tar, and nothing beside it."""
    directory = tmp_path_factory.mktemp("order")
    image = image_of(LAYERS)
    wanted = made(directory / "wanted", image, LAYERS, sorted(order)).read_bytes()
    assert made(directory / "a.tar", image, LAYERS, order).read_bytes() == wanted
    assert sorted(path.name for path in directory.iterdir()) == ["a.tar", "wanted"]


def test_a_layer_that_was_wrong_leaves_nothing(tmp_path: Path) -> None:
    """Longer than the right one, at its place or beside: it is not seen in the result."""
    layers = [gzipped(tar_of("a", 5000)), unpacked(tar_of("b", 700))]
    wanted, image = make(tmp_path / "wanted.tar", layers)
    image = image_of(layers, author="me", history=[{"created_by": "x"}], created="2024-05-06T07:08:09Z")
    form = LegacyTar(tmp_path / "a.tar", content_of(image))
    form.open()
    for number in (0, 1, 1, 0):
        sink = form.sink(number)
        sink.write(b"x" * 30_000)
        sink.discard()
        sink.discard()
    for number in (1, 0):
        sink = form.sink(number)
        sink.write(layers[number].plain)
        sink.finish()
        sink.discard()
    form.publish()
    assert (tmp_path / "a.tar").read_bytes() == wanted.read_bytes()


def test_no_byte_is_left_to_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is written, padding too: a file system may give anything for what was not."""
    written = bytearray(1 << 20)
    real = PartFile.write

    def write(file: PartFile, offset: int, data: memoryview) -> None:
        if file.path.name == "a.tar.plain.part":
            written[offset : offset + len(data)] = b"x" * len(data)
        real(file, offset, data)

    monkeypatch.setattr(PartFile, "write", write)
    path, _ = make(tmp_path / "a.tar", [unpacked(b"a" * 1000), unpacked(b"b" * 512), unpacked(b"c" * 1)])
    assert bytes(written[: path.stat().st_size + 1]) == b"x" * path.stat().st_size + b"\0"


def test_a_layer_shorter_than_one_that_was_wrong(tmp_path: Path) -> None:
    """What follows it in its last block is zeros, and no byte of the other; that gives its room back at once."""
    layers = [unpacked(b"a" * 1000), unpacked(b"b" * 100)]
    wanted, _ = make(tmp_path / "wanted.tar", layers)
    image = image_of(layers, author="me", history=[{"created_by": "x"}], created="2024-05-06T07:08:09Z")
    form = LegacyTar(tmp_path / "a.tar", content_of(image))
    form.open()
    for number, layer in enumerate(layers):
        wrong = form.sink(number)
        wrong.write(b"x" * 2000)
        size = tar_part(form.path).stat().st_size
        wrong.discard()
        assert tar_part(form.path).stat().st_size == size - 2000
        right = form.sink(number)
        right.write(layer.plain)
        right.finish()
        right.discard()
    form.publish()
    assert form.path.read_bytes() == wanted.read_bytes()


def test_what_is_unfinished_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed run's is gone before the disk is looked at; one that was only interrupted leaves nothing."""
    seen: List[List[str]] = []
    path = tmp_path / "a.tar"
    form = LegacyTar(path, content_of(image_of(LAYERS)))
    for end in (lambda: None, form.close):
        form.open()
        form.sink(0).write(b"half of it")
        form.sink(1).write(b"one that waits")
        end()
    assert os.listdir(tmp_path) == []
    (tmp_path / "a.tar.plain.part").write_bytes(b"of a killed run")
    (tmp_path / "a.tar.plain.part.layers").mkdir()
    (tmp_path / "a.tar.plain.part.layers" / "3").write_bytes(b"as well")
    monkeypatch.setattr(disk, "check_free", lambda directory, needed: seen.append(os.listdir(tmp_path)))
    LegacyTar(path, content_of(image_of(LAYERS))).open()
    assert seen[0] == []


def test_one_that_was_never_begun_removes_nothing(tmp_path: Path) -> None:
    """What has its unfinished name may be another's."""
    (tmp_path / "a.tar").mkdir()
    (tmp_path / "a.tar.plain.part").write_bytes(b"another's")
    form = LegacyTar(tmp_path / "a.tar", content_of(image_of(LAYERS)))
    with pytest.raises(DiskError, match="got a directory"):
        form.open()
    form.close()
    assert (tmp_path / "a.tar.plain.part").read_bytes() == b"another's"


def test_each_layer_is_synced_when_it_has_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own thread: to publish is to sync the little that stands around them."""
    left = [0]
    synced: List[int] = []
    write, sync = PartFile.write, PartFile.sync

    def counted(file: PartFile, offset: int, data: memoryview) -> None:
        left[0] += len(data) if file.path.name == "a.tar.plain.part" else 0
        write(file, offset, data)

    def settled(file: PartFile) -> None:
        synced.append(left[0])
        left[0] = 0
        sync(file)

    monkeypatch.setattr(PartFile, "write", counted)
    monkeypatch.setattr(PartFile, "sync", settled)
    layers = [unpacked(tar_of(name, 300_000)) for name in "abc"]
    for order in ([0, 1, 2], [2, 1, 0]):
        synced.clear()
        made(tmp_path / f"{order}" / "a.tar", image_of(layers), layers, order)
        assert sum(size > 300_000 for size in synced[:-1]) == 3
        assert synced[-1] < 10_000


@pytest.mark.parametrize("size", [1 << 87, 1 << 70, (1 << 63) - 600, (1 << 63) - 1, 1 << 62, 7000])
def test_a_size_that_cannot_be_is_another_file(size: int, tmp_path: Path) -> None:
    """Damaged, or somebody's: it is not this tar, and nothing worse."""
    image = image_of(LAYERS)
    form = LegacyTar(tmp_path / "a.tar", content_of(image))
    form.path.write_bytes(form.plan.fixed[0] + form.plan.header(0, size) + b"x" * 1000)
    assert not form.holds()
    assert not is_good(form)


def test_rubbish_is_not_good(tmp_path: Path) -> None:
    """Nor is nothing at all."""
    form = LegacyTar(tmp_path / "a.tar", content_of(image_of(LAYERS)))
    assert not is_good(form)
    for rubbish in (b"", b"rubbish" * 1000):
        form.path.write_bytes(rubbish)
        assert not is_good(form)


def test_a_scanner_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to remove what another program has open for a moment."""
    real, refused = Path.unlink, []

    def unlink(path: Path, *args: object) -> None:
        if path.parent.name == "a.tar.plain.part.layers" and len(refused) < 2:
            refused.append(path)
            error = PermissionError(errno.EACCES, "The process cannot access the file")
            error.winerror = 32  # type: ignore[attr-defined]
            raise error
        real(path)

    form = LegacyTar(tmp_path / "a.tar", content_of(image_of(LAYERS)))
    form.open()
    form.sink(3).write(b"one that waits")
    monkeypatch.setattr(Path, "unlink", unlink)
    remove_tar_part(form.path)
    assert len(refused) == 2
    assert os.listdir(tmp_path) == []


def test_what_stands_there_is_known_again(tmp_path: Path) -> None:
    """By all but the layers' bytes; those are for `is_good`."""
    path, image = make(tmp_path / "a.tar")
    form = LegacyTar(path, content_of(image))
    assert form.holds()
    assert is_good(form)
    assert not LegacyTar(path, content_of(image, Reference.parse("ghcr.io/org/app:1.3"))).holds()
    assert not LegacyTar(tmp_path / "none.tar", content_of(image)).holds()
    data = bytearray(path.read_bytes())
    place = data.index(LAYERS[2].plain)
    data[place + 600] ^= 1
    path.write_bytes(data)
    assert form.holds()
    assert not is_good(form)
    for other in (data[:-512], data + bytes(512)):
        path.write_bytes(other)
        assert not form.holds()
    path.write_bytes(data[: place + 100])
    assert not form.holds()
    path.write_bytes(b"")
    assert not form.holds()


def test_a_name_that_is_taken_stays(tmp_path: Path) -> None:
    """The tar is not put in the place of another file."""
    path = tmp_path / "a.tar"
    path.write_bytes(b"mine")
    with pytest.raises(DiskError, match="is there already, and stays as it is"):
        make(path)
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("size", [0, 1, 8 * GIB - 1, 8 * GIB, 9 * GIB + 5, 1 << 45])
def test_every_size_has_a_header_of_one_block(size: int, tmp_path: Path) -> None:
    """Python and our own reader read it as it was written, and so does the system's tar."""
    name = f"{'a' * 64}/layer.tar"
    header = tar.short_header(name, size)
    assert len(header) == 512
    assert tar.size_in(header) == size
    info = tarfile.TarInfo.frombuf(header, "ascii", "strict")
    assert (info.name, info.size, info.mode, info.type) == (name, size, 0o644, tarfile.REGTYPE)
    if size > 100 * GIB:
        return
    path = tmp_path / "a.tar"
    with open(path, "wb") as file:
        file.write(header)
        file.seek(512 + size + len(tar.padding(size)))
        file.write(tar.short_header("last", 3) + b"end" + tar.padding(3) + tar.END)
    opened = PlainFile(path)
    assert [(one.name, one.size) for one in walk(opened, "a.tar")] == [(name, size), ("last", 3)]
    opened.close()
    program = shutil.which("tar")
    assert program is not None
    listed = subprocess.run([program, "tvf", str(path)], capture_output=True, text=True, check=True).stdout
    assert [line.split()[2] for line in listed.splitlines()] == [str(size), "3"]
    os.unlink(path)


def test_a_header_that_says_no_size_is_none() -> None:
    """Other bytes are no size."""
    for field in (b"9" * 11 + b"\0", b"-0000000001\0", b"\xff" * 12, b"\0" * 12, b" 12345678901"):
        block = bytearray(tar.short_header("a", 5))
        block[124:136] = field
        assert tar.size_in(bytes(block)) == -1
    assert tar.size_in(b"") == -1


def test_a_long_name_has_no_short_header() -> None:
    """It would be cut."""
    with pytest.raises(ValueError, match="more than 100"):
        tar.short_header("a" * 101, 0)


def test_the_plan_of_many_layers_is_soon_made() -> None:
    """As many as a manifest may have, all of them repetitions: bytes that grow with their number, and no faster."""
    one = gzipped(tar_of("a", 1))
    plans = [LegacyPlan.of(content_of(image_of([one] * count))) for count in (1000, 2000)]
    sizes = [sum(map(len, plan.fixed)) for plan in plans]
    assert 1.9 < sizes[1] / sizes[0] < 2.1
    assert [len(plan.layers) for plan in plans] == [1, 1]
