"""The plan: every byte's place, known before the first layer byte."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.archives import NAME, content_of, make_archive, manifest_of, members_of, plan_of
from support.images import OCI_LAYER, MadeImage, make_image

from dockferry.archive import layout
from dockferry.archive.content import Content
from dockferry.archive.plan import Plan
from dockferry.errors import ContentError, UsageError
from dockferry.oci.descriptor import OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest
from dockferry.oci.manifest import Manifest, parse_manifest
from dockferry.oci.reference import Reference

EMPTY = Descriptor(OCI_LAYER, Digest.of(b""), 0)


def assembled(plan: Plan, blobs: Dict[Digest, bytes]) -> bytes:
    """The archive that a plan describes, put together in memory."""
    data = bytearray(plan.size)
    for offset, fixed in plan.fixed:
        data[offset : offset + len(fixed)] = fixed
    for blob in plan.blobs:
        start = plan.place(blob, 0, blob.size)
        data[start : start + blob.size] = blobs[blob.digest]
    return bytes(data)


def with_layers(image: MadeImage, layers: List[Descriptor], blobs: Dict[Digest, bytes]) -> MadeImage:
    """`image` with other layers, its config's diff_ids as many."""
    config = json.dumps(
        {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": [str(EMPTY.digest)] * len(layers)},
        }
    ).encode()
    descriptor = replace(image.config, digest=Digest.of(config), size=len(config))
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    ).encode()
    return MadeImage(manifest, OCI_MANIFEST, descriptor, tuple(layers), {**blobs, descriptor.digest: config})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=3000), max_size=6), st.sampled_from(["docker", "oci"]))
def test_any_image_reads_back_as_planned(sizes: List[int], format: str) -> None:
    """The standard library finds each member where the plan says, in its order, and not a byte more."""
    blobs = {Digest.of(b"%d." % place * size): b"%d." % place * size for place, size in enumerate(sizes)}
    layers = [Descriptor(OCI_LAYER, digest, len(data)) for digest, data in blobs.items()]
    image = with_layers(make_image([]), layers, blobs)
    plan = plan_of(image, format=format)
    raw = assembled(plan, image.blobs)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        infos = tar.getmembers()
    assert [(info.name, info.size, info.offset_data) for info in infos] == [
        (member.name, member.size, member.offset) for member in plan.members
    ]
    for info in infos:
        _, _, digest = info.name.rpartition("/")
        if info.name.startswith("blobs/"):
            assert Digest.of(raw[info.offset_data : info.offset_data + info.size]).hex == digest
    assert raw[-1024:] == bytes(1024)
    assert plan.size == len(raw)


def test_documents_come_first() -> None:
    """Whoever reads a stream knows the image before the first layer."""
    names = [member.name for member in plan_of(make_image([10, 20])).members]
    assert names[:3] == ["oci-layout", "index.json", "manifest.json"]
    image = make_image([10, 20])
    assert names[3:] == [
        layout.blob_path(d) for d in (image.digest, image.config.digest, *(one.digest for one in image.layers))
    ]


def test_index_points_straight_at_the_manifest(tmp_path: Path) -> None:
    """One entry, with the platform and the image's full name for containerd, Docker and Podman."""
    image = make_image([10], architecture="arm64")
    found = dict(members_of(make_archive(tmp_path / "a.tar", image)))
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(found["index.json"])["manifests"]
    assert entry["digest"] == str(image.digest)
    assert entry["platform"] == {"architecture": "arm64", "os": "linux"}
    assert entry["annotations"] == {
        "io.containerd.image.name": "ghcr.io/org/app:1.2",
        "org.opencontainers.image.ref.name": "ghcr.io/org/app:1.2",
    }


@pytest.mark.parametrize(
    ("name", "tags", "full"),
    [
        ("nginx", ["nginx:latest"], "docker.io/library/nginx:latest"),
        ("Example.com:5000/a/b:V1", ["example.com:5000/a/b:V1"], "example.com:5000/a/b:V1"),
        (f"nginx:1@{EMPTY.digest}", ["nginx:1"], "docker.io/library/nginx:1"),
        (f"nginx@{EMPTY.digest}", [], f"docker.io/library/nginx@{EMPTY.digest}"),
    ],
)
def test_names_are_the_forms_that_each_engine_wants(name: str, tags: List[str], full: str) -> None:
    """Docker gets its familiar form and never a digest; containerd the full one."""
    found = {member.name: member.data for member in plan_of(make_image([1]), Reference.parse(name)).members}
    assert json.loads(found["manifest.json"] or b"")[0]["RepoTags"] == tags
    annotations = json.loads(found["index.json"] or b"")["manifests"][0]["annotations"]
    assert annotations["io.containerd.image.name"] == full


@pytest.mark.row(39)
def test_a_repeated_layer_is_stored_once_and_listed_each_time() -> None:
    """Docker matches layers to diff_ids by place, so the list repeats what the archive has once."""
    made = make_image([50, 60])
    first, second = made.layers
    image = with_layers(made, [first, second, first, EMPTY, EMPTY], {**made.blobs, EMPTY.digest: b""})
    plan = plan_of(image)
    assert plan.blobs == (first, second, EMPTY)
    found = {member.name: member.data for member in plan.members}
    wanted = [layout.blob_path(one.digest) for one in image.layers]
    assert json.loads(found["manifest.json"] or b"")[0]["Layers"] == wanted
    assert len(wanted) == 5


def test_sha512_blobs_have_their_own_directory() -> None:
    """A digest of 128 digits needs a pax header, and reads back."""
    data = b"a layer"
    layer = Descriptor(OCI_LAYER, Digest.of(data, "sha512"), len(data))
    image = with_layers(make_image([]), [layer], {layer.digest: data})
    with tarfile.open(fileobj=io.BytesIO(assembled(plan_of(image), image.blobs))) as tar:
        found = tar.extractfile(f"blobs/sha512/{layer.digest.hex}")
        assert found is not None
        assert found.read() == data


def test_a_layer_past_8_gib_moves_what_follows() -> None:
    """Offsets beyond 32 and 33 bits are right, with nothing of that size in memory."""
    big = Descriptor(OCI_LAYER, Digest.of(b"big"), 9 << 30)
    small = Descriptor(OCI_LAYER, Digest.of(b"small"), 5)
    plan = plan_of(with_layers(make_image([]), [big, small], {}))
    assert plan.place(small, 0, 5) == plan.place(big, 0, big.size) + big.size + 512
    assert plan.size == plan.place(small, 0, 5) + 512 + 1024


def test_identity_is_that_of_the_bytes() -> None:
    """Equal for equal archives; another name, format or image gives another."""
    image = make_image([10])
    same = [plan_of(image), plan_of(make_image([10]))]
    assert same[0] == same[1]
    other = [plan_of(image, format="oci"), plan_of(image, Reference.parse("other:1")), plan_of(make_image([11]))]
    assert len({plan.identity for plan in (*same, *other)}) == 4


def test_a_config_that_is_not_the_manifests_is_refused() -> None:
    """Content is the gate of the documents: a wrong config never gets into an archive."""
    image = make_image([1])
    config = bytearray(image.blobs[image.config.digest])
    config[5] ^= 1
    with pytest.raises(ContentError, match=f"wanted {image.config.digest}, got sha256:"):
        Content.of(manifest_of(image), bytes(config), NAME)
    with pytest.raises(ContentError, match=r"wanted \d+ bytes, got 2"):
        Content.of(manifest_of(image), b"{}", NAME)


def artifact(layer: bytes) -> Content:
    config = Descriptor("application/vnd.cncf.helm.config.v1+json", Digest.of(b"{}"), 2)
    chart = Descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", Digest.of(layer), len(layer))
    raw = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": [chart.to_json()]}
    ).encode()
    manifest = parse_manifest(raw, "", "test")
    assert isinstance(manifest, Manifest)
    return Content.of(manifest, b"{}", NAME)


def test_an_artifact_goes_into_an_oci_archive_only() -> None:
    """Docker cannot load a chart, and the message says which format can hold it."""
    content = artifact(b"chart")
    with pytest.raises(UsageError, match="--format oci"):
        Plan.of(content)
    assert [blob.size for blob in Plan.of(content, for_docker=False).blobs] == [5]


def test_a_layer_that_is_the_config_again_is_not_fetched_twice() -> None:
    """Artifacts use one empty object for both: it is a document, and stored once."""
    plan = Plan.of(artifact(b"{}"), for_docker=False)
    assert plan.blobs == ()
    assert len({member.name for member in plan.members}) == len(plan.members) == 4


def test_a_config_with_too_few_diff_ids_is_refused_before_the_download() -> None:
    """Docker would refuse it after the download."""
    made = make_image([1])
    image = with_layers(made, list(made.layers), made.blobs)
    manifest = manifest_of(image)._replace(layers=(*made.layers, EMPTY))
    with pytest.raises(ContentError, match="wanted 2 diff_ids, one for each layer, got 1"):
        Plan.of(Content.of(manifest, image.blobs[image.config.digest], NAME))


def test_bytes_outside_a_blob_have_no_place() -> None:
    """A server that sends too much can never reach the next member."""
    image = make_image([100])
    plan, layer = plan_of(image), image.layers[0]
    for offset, length in [(0, layer.size + 1), (layer.size, 1), (-1, 1)]:
        with pytest.raises(ContentError, match="wanted bytes within"):
            plan.place(layer, offset, length)
    with pytest.raises(ContentError, match="not part of this archive"):
        plan.place(replace(layer, size=layer.size + 1), 0, 1)


def test_merging_an_index_keeps_what_is_not_ours() -> None:
    """Other entries stay word for word; one of the same name and platform gives way, in its place."""
    old = layout.entry(make_content("app:1"))
    other = {"mediaType": OCI_MANIFEST, "digest": str(EMPTY.digest), "size": 0, "x-extra": [1]}
    raw = json.dumps({"schemaVersion": 2, "manifests": [old.to_json(), other], "annotations": {"a": "b"}}).encode()
    new = layout.entry(make_content("app:1", size=7))
    merged = json.loads(layout.merged_index(raw, new, "test"))
    assert merged["manifests"] == [new.to_json(), other]
    assert merged["annotations"] == {"a": "b"}
    third = layout.entry(make_content("app:2"))
    assert json.loads(layout.merged_index(raw, third, "test"))["manifests"] == [old.to_json(), other, third.to_json()]


def make_content(name: str, size: int = 1) -> Content:
    return content_of(make_image([size]), Reference.parse(name))
