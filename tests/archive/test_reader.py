"""The reader: archives of every maker, and refusal of what no honest maker writes."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import pytest
from support.archives import make_archive, make_tar, members_of
from support.images import MadeImage, make_image

from dockferry.archive import tar
from dockferry.archive.reader import open_archive
from dockferry.errors import ContentError, DiskError
from dockferry.oci.descriptor import OCI_INDEX, Descriptor
from dockferry.oci.digest import Digest
from dockferry.oci.reference import Reference
from dockferry.usecases.verify import verify


@pytest.fixture
def image() -> MadeImage:
    return make_image([3000, 40_000])


def legacy_members(image: MadeImage, *, packed: bool = False) -> List[Tuple[str, bytes]]:
    """What `docker save` wrote before 25: `<id>/layer.tar` and `<hex>.json`, the list at the end."""
    members: List[Tuple[str, bytes]] = []
    paths = []
    for layer in image.layers:
        raw = image.blobs[layer.digest]
        folder = layer.digest.hex
        members += [(f"{folder}/VERSION", b"1.0"), (f"{folder}/json", b"{}")]
        members.append((f"{folder}/layer.tar", raw if packed else gzip.decompress(raw)))
        paths.append(f"{folder}/layer.tar")
    config = f"{image.config.digest.hex}.json"
    members.append((config, image.blobs[image.config.digest]))
    listed = [{"Config": config, "RepoTags": ["app:1", "app:2"], "Layers": paths}]
    return [*members, ("manifest.json", json.dumps(listed).encode()), ("repositories", b"{}")]


@pytest.mark.parametrize(("format", "kind"), [("docker", "hybrid"), ("oci", "oci")])
def test_our_archives_read_back(format: str, kind: str, image: MadeImage, tmp_path: Path) -> None:
    """Name, manifest, config and every blob come out as they went in, from any offset."""
    with open_archive(make_archive(tmp_path / "a.tar", image, format=format)) as archive:
        assert archive.kind == kind
        (found,) = archive.images
        assert found.references == (Reference.parse("ghcr.io/org/app:1.2"),)
        assert found.manifest is not None
        assert found.manifest.raw == image.manifest
        assert found.config is not None
        assert found.config.raw == image.blobs[image.config.digest]
        assert str(found.platform) == "linux/amd64"
        for digest, data in image.blobs.items():
            assert archive.find(digest) == len(data)
            with archive.open(digest) as stream:
                assert stream.read() == data
            with archive.open(digest, 100) as stream:
                assert stream.read() == data[100:]
        assert archive.find(Digest.of(b"other")) is None


def test_a_gzipped_archive_reads_the_same(image: MadeImage, tmp_path: Path) -> None:
    """`docker save | gzip` is common: no unpacking by hand is needed."""
    plain = make_archive(tmp_path / "a.tar", image)
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    with open_archive(packed) as archive:
        for digest, data in reversed(list(image.blobs.items())):
            with archive.open(digest) as stream:
                assert stream.read() == data


@pytest.mark.parametrize("packed", [False, True])
def test_an_old_docker_save_reads(packed: bool, image: MadeImage, tmp_path: Path) -> None:
    """Layers by path and diff_id, all tags, and no manifest that was never there."""
    with open_archive(make_tar(tmp_path / "a.tar", legacy_members(image, packed=packed))) as archive:
        assert archive.kind == "docker"
        (found,) = archive.images
        assert found.names == ("app:1", "app:2")
        assert found.manifest is None
        assert found.config_digest == image.config.digest
        assert [layer.diff_id for layer in found.layers] == list(found.config.diff_ids if found.config else ())
        assert found.layers[0].media_type.endswith(".gzip") == packed


def add_link(path: Path, name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> None:
    with tarfile.open(path, "a") as made:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        made.addfile(info)


def test_a_linked_legacy_layer_is_the_layer(image: MadeImage, tmp_path: Path) -> None:
    """Old `docker save` stored equal layers once and linked the others."""
    members = legacy_members(image)
    listed = json.loads(members[-2][1])
    listed[0]["Layers"][1] = "f" * 64 + "/layer.tar"
    members[-2] = ("manifest.json", json.dumps(listed).encode())
    path = make_tar(tmp_path / "a.tar", members)
    add_link(path, "f" * 64 + "/layer.tar", f"../{image.layers[1].digest.hex}/layer.tar")
    with open_archive(path) as archive:
        layer = archive.images[0].layers[1]
        with archive.members.open(layer.member) as stream:
            assert stream.read() == gzip.decompress(image.blobs[image.layers[1].digest])


def test_names_come_from_manifest_json_where_the_index_has_none(image: MadeImage, tmp_path: Path) -> None:
    """A bare tag in `index.json` does not say of what; Docker's list does."""
    members = dict(members_of(make_archive(tmp_path / "a.tar", image)))
    index = json.loads(members["index.json"])
    index["manifests"][0]["annotations"] = {"org.opencontainers.image.ref.name": "1.2"}
    members["index.json"] = json.dumps(index).encode()
    with open_archive(make_tar(tmp_path / "b.tar", members.items())) as archive:
        assert archive.images[0].names == ("ghcr.io/org/app:1.2",)


def test_a_nested_index_may_lack_other_platforms(image: MadeImage, tmp_path: Path) -> None:
    """Docker's containerd store saves the whole index and the one platform that it has."""
    members = dict(members_of(make_archive(tmp_path / "a.tar", image, format="oci")))
    top = json.loads(members["index.json"])
    here = {**top["manifests"][0], "annotations": {}}
    there = {**here, "digest": str(Digest.of(b"gone")), "platform": {"os": "linux", "architecture": "s390x"}}
    proof = {**here, "digest": str(Digest.of(b"proof")), "platform": {"os": "unknown", "architecture": "unknown"}}
    nested = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [there, here, proof]}).encode()
    entry = Descriptor(OCI_INDEX, Digest.of(nested), len(nested)).to_json()
    entry["annotations"] = top["manifests"][0]["annotations"]
    members[f"blobs/sha256/{Digest.of(nested).hex}"] = nested
    members["index.json"] = json.dumps({**top, "manifests": [entry]}).encode()
    with open_archive(make_tar(tmp_path / "b.tar", members.items())) as archive:
        assert [found.names for found in archive.images] == [("ghcr.io/org/app:1.2",)]
        assert archive.oci is not None
        assert len(archive.oci.absent) == 2


@pytest.mark.real
@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci"])
def test_what_skopeo_writes_reads(form: str, image: MadeImage, tmp_path: Path) -> None:
    """A real tool reads our archive, and what it makes of it has the same layers and config for us."""
    source = make_archive(tmp_path / "a.tar", image)
    for kind in ("oci-archive", "docker-archive"):
        target = f"{form}:{tmp_path / kind}:app:1"
        options = ["--override-os", "linux", "--override-arch", "amd64", "--insecure-policy"]
        command = ["skopeo", *options, "copy", "-q", f"{kind}:{source}", target]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=60)
        assert verify(tmp_path / kind, deep=True).layers == 2
        with open_archive(tmp_path / kind) as archive:
            (found,) = archive.images
            assert found.config is not None
            assert [str(one) for one in found.config.diff_ids] == json.loads(image.blobs[image.config.digest])[
                "rootfs"
            ]["diff_ids"]


# Hostile and broken archives


def test_every_cut_is_noticed(image: MadeImage, tmp_path: Path) -> None:
    """Wherever the file was cut short, it is a ContentError; the whole file is the only one that opens."""
    whole = make_archive(tmp_path / "a.tar", make_image([10])).read_bytes()
    path = tmp_path / "cut.tar"
    for size in [*range(0, len(whole), 256), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(ContentError):
            open_archive(path)
    path.write_bytes(whole)
    open_archive(path).close()


def test_a_cut_gzip_is_noticed(image: MadeImage, tmp_path: Path) -> None:
    """Also where the outer compression ends too early."""
    whole = gzip.compress(make_archive(tmp_path / "a.tar", image).read_bytes())
    path = tmp_path / "cut.tar.gz"
    for size in (5, 100, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:size])
        with pytest.raises(ContentError, match="cut short"):
            open_archive(path)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "blobs/../../evil", "a\\b", "C:evil", "a//b", "a/./b", "a\nb"]
)
@pytest.mark.rule(10)
def test_a_name_that_leads_out_is_refused(name: str, image: MadeImage, tmp_path: Path) -> None:
    """Nothing is extracted, and still no such name is tolerated."""
    path = make_tar(tmp_path / "a.tar", [*legacy_members(image), (name, b"x")])
    with pytest.raises(ContentError, match="wanted a"):
        open_archive(path)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"Z"])
@pytest.mark.rule(10)
def test_a_member_that_is_no_file_is_refused(kind: bytes, image: MadeImage, tmp_path: Path) -> None:
    """Hard links, devices, pipes and sparse files have no place in an image archive."""
    path = make_tar(tmp_path / "a.tar", legacy_members(image))
    add_link(path, "odd", "manifest.json", kind)
    with pytest.raises(ContentError, match="odd: wanted a regular file, got"):
        open_archive(path)


@pytest.mark.parametrize(
    ("name", "target"),
    [("manifest", "manifest.json"), ("x/layer.tar", "/etc/passwd"), ("x/layer.tar", "../../etc/passwd"),
     ("x/layer.tar", "layer.tar"), ("x/layer.tar", "../absent")],
)  # fmt: skip
@pytest.mark.rule(10)
def test_a_symbolic_link_elsewhere_is_refused(name: str, target: str, image: MadeImage, tmp_path: Path) -> None:
    """Only a legacy layer may be one, and only to a file in the archive."""
    path = make_tar(tmp_path / "a.tar", legacy_members(image))
    add_link(path, name, target)
    with pytest.raises(ContentError, match="got a symbolic link"):
        open_archive(path)


@pytest.mark.rule(10)
def test_a_member_that_stands_twice_is_refused(image: MadeImage, tmp_path: Path) -> None:
    """Two readers could see two images; `./` makes no other name."""
    members = legacy_members(image)
    with pytest.raises(ContentError, match="wanted each member once"):
        open_archive(make_tar(tmp_path / "a.tar", [*members, ("./manifest.json", b"[]")]))


def test_directories_and_dots_are_passed_over(image: MadeImage, tmp_path: Path) -> None:
    """`tar -C layout -cf x.tar .` makes an archive that reads."""
    unpack(make_archive(tmp_path / "a.tar", image), tmp_path / "layout")
    subprocess.run(["tar", "-C", str(tmp_path / "layout"), "-cf", str(tmp_path / "b.tar"), "."], check=True)
    for path in (tmp_path / "b.tar", tmp_path / "layout"):
        with open_archive(path) as archive:
            assert archive.images[0].digest == image.digest


def unpack(path: Path, target: Path) -> None:
    target.mkdir()
    subprocess.run(["tar", "-C", str(target), "-xf", str(path)], check=True)


def pax(records: bytes) -> bytes:
    block = bytearray(tar.header("pax", len(records)))
    block[156:157] = b"x"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + records + tar.padding(len(records))


LIES = [
    b"12 size=-10\n",
    b"29 size=99999999999999999999\n",
    b"99 path=x\n",
    b"x",
    b"0 a=b\n",
    b"a" * 100_000,
    b"22 GNU.sparse.major=1\n",
    b"12 path=../x\n",
]


@pytest.mark.parametrize("records", LIES)
def test_an_extended_header_that_lies_is_refused(records: bytes, tmp_path: Path) -> None:
    """Negative or endless sizes, sparse maps, broken records and headers of any size."""
    path = tmp_path / "a.tar"
    path.write_bytes(pax(records) + tar.header("manifest.json", 0) + tar.END)
    with pytest.raises(ContentError):
        open_archive(path)


def test_an_endless_header_costs_no_memory(tmp_path: Path) -> None:
    """A pax header that claims 8 GiB (in a sparse file) is refused unread."""
    path = tmp_path / "a.tar"
    block = bytearray(pax(b""))
    block[124:136] = b"%011o\0" % (8 * 2**30 - 1)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with path.open("wb") as file:
        file.write(block)
        file.truncate(9 * 2**30)
    with pytest.raises(ContentError, match="wanted an extended header of at most"):
        open_archive(path)


def test_more_after_the_end_is_refused(image: MadeImage, tmp_path: Path) -> None:
    """Two archives in one file would show each reader another one; zeros are padding."""
    whole = make_archive(tmp_path / "a.tar", image).read_bytes()
    path = tmp_path / "b.tar"
    path.write_bytes(whole + bytes(9216))
    open_archive(path).close()
    path.write_bytes(whole + whole)
    with pytest.raises(ContentError, match="nothing after the end mark"):
        open_archive(path)


Edit = Callable[[MadeImage, Dict[str, bytes]], None]


def edit_json(name: str, change: Callable[[object], object]) -> Edit:
    def edit(image: MadeImage, members: Dict[str, bytes]) -> None:
        members[name] = json.dumps(change(json.loads(members[name]))).encode()

    return edit


def drop(name: str) -> Edit:
    return lambda image, members: members.__delitem__(name)


def spoil_manifest(image: MadeImage, members: Dict[str, bytes]) -> None:
    name = f"blobs/sha256/{image.digest.hex}"
    members[name] = members[name].replace(b"2", b"3", 1)


def drop_config(image: MadeImage, members: Dict[str, bytes]) -> None:
    del members[f"blobs/sha256/{image.config.digest.hex}"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (drop("oci-layout"), "wanted the member oci-layout"),
        (edit_json("oci-layout", lambda _: {"imageLayoutVersion": "9"}), "imageLayoutVersion"),
        (edit_json("index.json", lambda _: {}), "index.json: wanted schemaVersion 2"),
        (edit_json("index.json", lambda _: []), "index.json: wanted a JSON object"),
        (edit_json("manifest.json", lambda _: {}), "manifest.json: wanted a JSON array"),
        (edit_json("manifest.json", lambda _: [7]), "wanted an object"),
        (edit_json("manifest.json", lambda v: [{**v[0], "Layers": ["../../etc/passwd"]}]), "inside the archive"),  # type: ignore[index]
        (edit_json("manifest.json", lambda v: [{**v[0], "Config": 7}]), "wanted Config"),  # type: ignore[index]
        (spoil_manifest, r"blobs/sha256/.*: wanted sha256:.*, got sha256:"),
        (drop_config, "wanted the member blobs/sha256/"),
    ],
)
def test_a_document_that_is_wrong_is_named(edit: Edit, message: str, image: MadeImage, tmp_path: Path) -> None:
    """Which one, what was wanted, what was got."""
    members = dict(members_of(make_archive(tmp_path / "a.tar", image)))
    edit(image, members)
    with pytest.raises(ContentError, match=message):
        open_archive(make_tar(tmp_path / "b.tar", members.items()))


def test_an_index_that_contains_itself_ends(tmp_path: Path) -> None:
    """Nesting is counted, whatever the documents say (a hash cannot contain itself, so they repeat instead)."""
    members = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    raw = b'{"schemaVersion":2,"manifests":[]}'
    for _ in range(8):
        entry = Descriptor(OCI_INDEX, Digest.of(raw), len(raw)).to_json()
        members[f"blobs/sha256/{Digest.of(raw).hex}"] = raw
        raw = json.dumps({"schemaVersion": 2, "manifests": [entry] * 9}).encode()
    members["index.json"] = raw
    with pytest.raises(ContentError, match="nested or repeated without end"):
        open_archive(make_tar(tmp_path / "a.tar", members.items()))


@pytest.mark.parametrize(
    "data", [b"", b"hello world" * 100, bytes(511), bytes(1024), b"\x28\xb5\x2f\xfd" + bytes(600)]
)
def test_a_file_that_is_no_archive_is_named(data: bytes, tmp_path: Path) -> None:
    """A ContentError with the path, never a traceback."""
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ContentError, match=str(path)):
        open_archive(path)


def test_what_cannot_be_opened_is_a_disk_error(tmp_path: Path) -> None:
    """Exit code 7 and the path."""
    with pytest.raises(DiskError, match="No such file or directory; check the path"):
        open_archive(tmp_path / "absent")


@pytest.mark.rule(10)
def test_a_link_in_a_layout_directory_is_refused(image: MadeImage, tmp_path: Path) -> None:
    """A layout from a stranger cannot make us read another file."""
    unpack(make_archive(tmp_path / "a.tar", image), tmp_path / "layout")
    blob = tmp_path / "layout" / "blobs" / "sha256" / image.layers[0].digest.hex
    shutil.move(str(blob), str(tmp_path / "blob"))
    blob.symlink_to(tmp_path / "blob")
    with pytest.raises(ContentError, match="got a link or a special file"):
        open_archive(tmp_path / "layout")


def test_streams_may_be_read_at_once(image: MadeImage, tmp_path: Path) -> None:
    """One open archive, many streams, each at its own place."""
    with open_archive(make_archive(tmp_path / "a.tar", image)) as archive:
        streams = [archive.open(layer.digest) for layer in image.layers for _ in range(3)]
        parts = [io.BytesIO() for _ in streams]
        for _ in range(60):
            for stream, part in zip(streams, parts):
                part.write(stream.read(1000) or b"")
        wanted = [image.blobs[layer.digest] for layer in image.layers for _ in range(3)]
        assert [part.getvalue() for part in parts] == wanted
