"""inspect: what an image in an archive is, in one value."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from support.archives import content_of, fill, make_archive, make_tar
from support.images import make_image

from dockferry.archive.layout_dir import LayoutDir
from dockferry.errors import ContentError
from dockferry.oci.reference import Reference
from dockferry.usecases.inspection import inspect_archive


def test_an_archive_tells_its_image(tmp_path: Path) -> None:
    """Name, digest, platform, layers, size and settings, and the same as JSON values."""
    image = make_image([100, 2000], settings={"Env": ["A=b"], "Cmd": ["x"]}, architecture="arm64")
    (found,) = inspect_archive(make_archive(tmp_path / "a.tar", image, Reference.parse("nginx")))
    assert (found.name, found.digest, found.platform) == ("nginx:latest", str(image.digest), "linux/arm64")
    assert [(layer.digest, layer.size) for layer in found.layers] == [(str(o.digest), o.size) for o in image.layers]
    assert found.size == sum(len(data) for data in image.blobs.values())
    assert found.settings == {"Env": ["A=b"], "Cmd": ["x"]}
    assert found.platforms == ("linux/arm64",)
    assert json.loads(json.dumps(found.to_json()))["layers"][0]["media_type"] == image.layers[0].media_type


def test_a_legacy_archive_tells_its_image(tmp_path: Path) -> None:
    """Without a manifest the digest is Docker's image ID, and layers are known by diff_id."""
    image = make_image([100])
    config = image.config.digest.hex + ".json"
    listed = [{"Config": config, "RepoTags": ["app:1"], "Layers": ["x/layer.tar"]}]
    plain = gzip.decompress(image.blobs[image.layers[0].digest])
    members = [("x/layer.tar", plain), (config, image.blobs[image.config.digest])]
    path = make_tar(tmp_path / "a.tar", [*members, ("manifest.json", json.dumps(listed).encode())])
    (found,) = inspect_archive(path)
    assert (found.name, found.digest) == ("app:1", str(image.config.digest))
    (layer,) = found.layers
    assert (layer.digest, layer.size) == (None, len(plain))
    assert layer.diff_id in image.blobs[image.config.digest].decode()
    assert found.size == len(plain) + image.config.size


def test_platforms_of_one_name_are_gathered(tmp_path: Path) -> None:
    """A layout with an image for two architectures shows both with each."""
    for architecture in ("amd64", "arm64"):
        image = make_image([10], architecture=architecture)
        destination = LayoutDir(tmp_path / "layout", content_of(image))
        destination.open()
        fill(destination, image)
        destination.publish()
    first, second = inspect_archive(tmp_path / "layout")
    assert (first.platform, second.platform) == ("linux/amd64", "linux/arm64")
    assert first.platforms == second.platforms == ("linux/amd64", "linux/arm64")


def test_no_archive_is_a_content_error(tmp_path: Path) -> None:
    """Never a traceback."""
    (tmp_path / "a.tar").write_bytes(b"x" * 2000)
    with pytest.raises(ContentError):
        inspect_archive(tmp_path / "a.tar")
