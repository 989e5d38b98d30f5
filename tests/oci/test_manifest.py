"""Manifests and indexes: which document it is, what it lists, which entry a platform gets; nothing ambiguous."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Dict, List, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.images import make_image

from dockferry.errors import ContentError, NotFoundError
from dockferry.oci.descriptor import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA1,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from dockferry.oci.digest import Digest
from dockferry.oci.manifest import MAX_LAYERS, MAX_MANIFESTS, Index, Manifest, parse_config, parse_manifest
from dockferry.oci.platform import Platform

WHAT = "app:1 at reg.example"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def raw(document: Any) -> bytes:
    return json.dumps(document).encode()


def blob(content: bytes = b"blob", media_type: str = LAYER) -> Dict[str, Any]:
    return Descriptor(media_type, Digest.of(content), len(content)).to_json()


def manifest(**change: Any) -> Dict[str, Any]:
    """A good OCI manifest with some keys changed; those set to `...` are left out."""
    whole = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob(b"{}", OCI_CONFIG),
        "layers": [blob()],
        **change,
    }
    return {key: value for key, value in whole.items() if value is not ...}


def index(*platforms: Optional[str], **change: Any) -> Dict[str, Any]:
    """A good OCI index with an entry for each platform, and some keys changed."""
    entries: List[Dict[str, Any]] = []
    for place, name in enumerate(platforms):
        entry = blob(str(place).encode(), OCI_MANIFEST)
        if name is not None:
            parts = name.split("/")
            entry["platform"] = dict(zip(("os", "architecture", "variant"), parts))
        entries.append(entry)
    whole = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **change}
    return {key: value for key, value in whole.items() if value is not ...}


def parse(document: Any, content_type: str = "") -> Any:
    return parse_manifest(raw(document), content_type, WHAT)


def parse_index(*platforms: Optional[str], **change: Any) -> Index:
    found = parse(index(*platforms, **change))
    assert isinstance(found, Index)
    return found


def chosen(of: Index, platform: str) -> int:
    """The place in the index of the entry that `platform` gets."""
    return of.entries.index(of.choose(Platform.parse(platform), WHAT))


# What a document is


@pytest.mark.parametrize("docker", [False, True])
def test_a_real_manifest(docker: bool) -> None:
    """Raw is kept byte for byte, with its digest, its config and its layers in order."""
    image = make_image([10, 0, 20], docker=docker)
    found = parse_manifest(image.manifest, image.media_type, WHAT)
    assert isinstance(found, Manifest)
    assert (found.raw, found.digest, found.media_type) == (image.manifest, image.digest, image.media_type)
    assert (found.config, found.layers) == (image.config, image.layers)
    assert found.is_image
    assert found.descriptor == Descriptor(image.media_type, image.digest, len(image.manifest))


def test_a_real_config() -> None:
    """A config gives platform, diff_ids and settings."""
    image = make_image([10, 20], architecture="arm64", settings={"Env": ["A=b"]})
    found = parse_config(image.blobs[image.config.digest], WHAT)
    assert str(found.platform) == "linux/arm64"
    assert len(found.diff_ids) == 2
    assert found.settings == {"Env": ["A=b"]}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json; charset=utf-8", "garbage;;", "\x00"])
@pytest.mark.row("types")
def test_the_body_decides(content_type: str) -> None:
    """A good document with a wrong or missing Content-Type is common, and is what it says itself."""
    assert parse(manifest(), content_type).media_type == OCI_MANIFEST
    assert parse(index("linux/amd64"), content_type).media_type == OCI_INDEX


def test_the_header_names_what_the_body_does_not() -> None:
    """OCI makes mediaType optional: then the header counts, and without it what is inside."""
    assert parse(manifest(mediaType=...), f"{DOCKER_MANIFEST}; charset=utf-8").media_type == DOCKER_MANIFEST
    assert parse(manifest(mediaType=...), OCI_MANIFEST.upper()).media_type == OCI_MANIFEST
    assert parse(manifest(mediaType=...)).media_type == OCI_MANIFEST
    assert parse(manifest(mediaType=..., config=blob(b"{}", DOCKER_CONFIG))).media_type == DOCKER_MANIFEST
    assert parse(index(mediaType=...), DOCKER_INDEX).media_type == DOCKER_INDEX
    assert parse(index(mediaType=...)).media_type == OCI_INDEX


@pytest.mark.parametrize(
    "document",
    [
        index("linux/amd64", layers=[blob()]),
        index("linux/amd64", config=blob()),
        manifest(manifests=[]),
        manifest(manifests=None),
        manifest(mediaType=OCI_INDEX),
        manifest(mediaType=DOCKER_INDEX),
        index(mediaType=OCI_MANIFEST),
        manifest(mediaType="application/vnd.oci.artifact.manifest.v1+json"),
        manifest(mediaType="application/json"),
        manifest(mediaType=""),
        manifest(mediaType=[OCI_MANIFEST]),
        manifest(mediaType={}),
        manifest(mediaType=7),
        manifest(Layers=[blob(b"other")]),
        manifest(Config=blob()),
        manifest(mediatype=OCI_INDEX),
        manifest(Manifests=[]),
        {**manifest(), "layer\u017f": []},
        index("linux/amd64", Manifests=[]),
    ],
)
@pytest.mark.row(34)
@pytest.mark.rule(6)
def test_ambiguous(document: Any) -> None:
    """A document that two readers could take for two things is refused (CVE-2021-41190)."""
    with pytest.raises(ContentError, match=rf"^{WHAT}: ") as caught:
        parse(document)
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (manifest(), OCI_INDEX),
        (manifest(), DOCKER_INDEX),
        (manifest(), DOCKER_MANIFEST),
        (manifest(mediaType=...), OCI_INDEX),
        (index("linux/amd64"), OCI_MANIFEST),
        (index("linux/amd64"), DOCKER_INDEX),
        (index("linux/amd64", mediaType=...), DOCKER_MANIFEST),
    ],
)
@pytest.mark.row(34)
@pytest.mark.rule(6)
def test_the_header_contradicts(document: Any, content_type: str) -> None:
    """A header that names one manifest type above a body of another is refused."""
    with pytest.raises(ContentError, match="the header says"):
        parse(document, content_type)


@pytest.mark.parametrize(
    "document",
    [
        {
            "schemaVersion": 1,
            "name": "app",
            "tag": "1",
            "fsLayers": [{"blobSum": str(Digest.of(b""))}],
            "history": [],
        },
        {"schemaVersion": 1, "mediaType": DOCKER_SCHEMA1[0]},
        {"schemaVersion": 2, "mediaType": DOCKER_SCHEMA1[1], "layers": []},
        manifest(fsLayers=[]),
    ],
)
@pytest.mark.parametrize("content_type", ["", DOCKER_SCHEMA1[1], OCI_MANIFEST])
@pytest.mark.row(36)
def test_schema_1_by_name(document: Any, content_type: str) -> None:
    """Schema 1 is refused as what it is, with what to do."""
    with pytest.raises(ContentError, match=r"schema 1, which was retired.*push the image again"):
        parse(document, content_type)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"errors": [{"code": "MANIFEST_UNKNOWN"}]},
        manifest(schemaVersion=...),
        manifest(schemaVersion=3),
        manifest(schemaVersion=2.0),
        manifest(schemaVersion="2"),
        manifest(schemaVersion=True),
        manifest(schemaVersion=None),
        manifest(config=...),
        manifest(config=None),
        manifest(config=[]),
        manifest(config="x"),
        manifest(layers=...),
        manifest(layers={}),
        manifest(layers="x"),
        manifest(layers=7),
        manifest(layers=[None]),
        manifest(layers=[[]]),
        manifest(layers=[{}]),
        manifest(layers=[{**blob(), "digest": "sha256:../../x"}]),
        manifest(layers=[{**blob(), "size": -1}]),
        manifest(layers=[blob(), {**blob(), "size": 5}]),
        manifest(layers=[blob()] * (MAX_LAYERS + 1)),
        index(manifests={}),
        index(manifests="x"),
        index(manifests=[None]),
        index(manifests=[{**blob(), "platform": 7}]),
        index(manifests=[blob()] * (MAX_MANIFESTS + 1)),
    ],
)
def test_malformed(document: Any) -> None:
    """Whatever is missing or of a wrong type, the error names the image and the registry."""
    with pytest.raises(ContentError, match=rf"^{WHAT}: ") as caught:
        parse(document)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("content_type", ["text/html", OCI_MANIFEST])
@pytest.mark.row(35)
def test_a_captive_portal(content_type: str) -> None:
    """A log-in page with status 200 is no manifest: the host is named."""
    with pytest.raises(ContentError, match=r"reg\.example.*captive portal"):
        parse_manifest(b"<html><body>Welcome to the hotel</body></html>", content_type, WHAT)


def test_one_byte_more_is_another_digest() -> None:
    """The digest is of the bytes as they came: a space or another order of keys is another manifest."""
    document = raw(manifest())
    assert parse_manifest(document, "", WHAT).digest == Digest.of(document)
    assert parse_manifest(document + b" ", "", WHAT).digest != Digest.of(document)


@pytest.mark.row(39)
def test_empty_and_repeated_layers() -> None:
    """No layers (also as Go writes none), empty layers and a layer that stands twice are all images."""
    assert parse(manifest(layers=[])).layers == ()
    assert parse(manifest(layers=None)).layers == ()
    assert parse(index(manifests=None)).entries == ()
    twice = parse(manifest(layers=[blob(b""), blob(), blob(b""), blob()])).layers
    assert [layer.size for layer in twice] == [0, 4, 0, 4]
    assert twice[0] == twice[2]


def test_artifacts_are_no_images() -> None:
    """A chart or a signature has a manifest too; its config says that it is no image."""
    assert not parse(manifest(config=blob(b"{}", "application/vnd.cncf.helm.config.v1+json"))).is_image


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"rootfs": {"diff_ids": {}}},
        {"rootfs": {"diff_ids": "x"}},
        {"rootfs": {"diff_ids": 0}},
        {"rootfs": {"diff_ids": [str(Digest.of(b"")), "sha256:../x"]}},
        {"rootfs": {"diff_ids": [None]}},
        {"config": []},
        {"config": 0},
        {"config": "x"},
        {"os": 7},
        {"architecture": "../x"},
    ],
)
def test_malformed_config(document: Any) -> None:
    """A config of wrong types is refused by name."""
    with pytest.raises(ContentError, match=rf"^{WHAT}: "):
        parse_config(raw(document), WHAT)


@pytest.mark.parametrize(
    "document", [{}, {"rootfs": None, "config": None}, {"rootfs": {"type": "layers", "diff_ids": None}}]
)
def test_config_of_nothing(document: Any) -> None:
    """An image of nothing, as Go writes it, has no layers and no settings."""
    found = parse_config(raw(document), WHAT)
    assert (found.diff_ids, found.settings) == ((), {})


# The choice


def test_choice() -> None:
    """The wanted platform is found wherever it stands, under any of its names."""
    found = parse_index("windows/amd64", "linux/386", "linux/amd64", "linux/arm64/v8", "linux/arm/v7")
    assert chosen(found, "amd64") == 2
    assert chosen(found, "x86_64") == 2
    assert chosen(found, "aarch64") == 3
    assert chosen(found, "linux/arm64/v8") == 3
    assert chosen(found, "windows/amd64") == 0
    assert chosen(found, "armhf") == 4


def test_choice_of_a_variant() -> None:
    """The same variant, else the newest that is older; never a newer one."""
    found = parse_index(
        "linux/arm/v5", "linux/arm/v6", "linux/arm/v7", "linux/amd64/v2", "linux/amd64", "linux/arm64"
    )
    assert chosen(found, "linux/arm/v7") == 2
    assert chosen(found, "linux/arm/v6") == 1
    assert chosen(found, "linux/arm/v8") == 2
    assert chosen(found, "amd64") == 4
    assert chosen(found, "linux/amd64/v3") == 3
    assert chosen(found, "linux/arm64/v9") == 5
    with pytest.raises(NotFoundError):
        parse_index("linux/arm/v7").choose(Platform.parse("linux/arm/v6"), WHAT)


def test_the_first_of_equals() -> None:
    """Of two entries for one platform (two Windows builds) the first is taken, as engines do."""
    assert chosen(parse_index("linux/arm64", "windows/amd64", "windows/amd64"), "windows/amd64") == 1


def test_attestations_are_passed_over() -> None:
    """BuildKit's attestations are never chosen and never listed."""
    found = parse_index("unknown/unknown", "linux/amd64", "unknown/unknown")
    assert len(found.entries) == 3
    assert chosen(found, "amd64") == 1
    with pytest.raises(NotFoundError) as caught:
        found.choose(Platform.parse("arm64"), WHAT)
    assert "unknown" not in str(caught.value)


def test_an_entry_without_a_platform() -> None:
    """The only entry is taken when it does not say what it runs on; of several such none is guessed."""
    assert chosen(parse_index(None), "arm64") == 0
    assert chosen(parse_index(None, "unknown/unknown"), "arm64") == 0
    with pytest.raises(NotFoundError, match="entries without a platform"):
        parse_index(None, None).choose(Platform.parse("arm64"), WHAT)


@pytest.mark.parametrize(
    "platforms", [[], ["linux/amd64"], ["linux/s390x", "linux/amd64", "linux/arm/v7", "linux/amd64"]]
)
def test_what_there_is(platforms: List[str]) -> None:
    """A platform that is not there ends with exit code 3 and the list of what there is, each once."""
    with pytest.raises(NotFoundError, match=WHAT) as caught:
        parse_index(*platforms).choose(Platform.parse("linux/arm64"), WHAT)
    assert caught.value.exit_code == 3
    assert "--platform" in caught.value.remedy
    assert all(str(caught.value).count(name) == 1 for name in platforms)


def test_a_thousand_platforms_make_no_wall_of_text() -> None:
    """The list is bounded, however much an index holds."""
    found = parse_index(*(f"linux/arch{number}" for number in range(MAX_MANIFESTS)))
    with pytest.raises(NotFoundError) as caught:
        found.choose(Platform.parse("arm64"), WHAT)
    assert len(str(caught.value)) < 900


# Anything at all

KEYS = st.sampled_from(
    ["schemaVersion", "mediaType", "config", "layers", "manifests", "annotations", "fsLayers", "Layers", "subject"]
)
LEAVES = [None, True, 0, 1, 2, -1, 1.5, "", "x", OCI_INDEX, OCI_MANIFEST, DOCKER_SCHEMA1[0], blob(), manifest()]
VALUES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
BASES = st.sampled_from([{}, manifest(), index("linux/amd64")])
TYPES = st.sampled_from(["", OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST, DOCKER_SCHEMA1[1], "text/html"])


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(KEYS, VALUES),
    st.sampled_from([{}, manifest(), index("linux/amd64")]),
    TYPES | st.text(max_size=5),
)
def test_fuzz_documents(change: Dict[str, Any], base: Dict[str, Any], content_type: str) -> None:
    """Any object is a manifest, an index or ContentError; and as a config, a config or ContentError."""
    document = raw({**base, **change})
    with contextlib.suppress(ContentError, NotFoundError):
        found = parse_manifest(document, content_type, WHAT)
        assert found.digest == Digest.of(document)
        if isinstance(found, Index):
            found.choose(Platform("linux", "amd64"), WHAT)
    with contextlib.suppress(ContentError):
        parse_config(document, WHAT)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_fuzz_bytes(data: st.DataObject) -> None:
    """A good manifest with a few bytes changed, cut or added is parsed or refused, and nothing else."""
    good = bytearray(raw(manifest()))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(good)))
        good[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(ContentError):
        assert parse_manifest(bytes(good), "", WHAT).digest == Digest.of(bytes(good))
