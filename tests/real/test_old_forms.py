"""The tar of old, with plain layers: real engines load and run it, under its name and image ID."""

from __future__ import annotations

import gzip
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.command import Command
from support.engines import Docker, Engine, Skopeo
from support.images import MadeImage
from support.plain import TAR, zstd_packed
from support.registries import Registry
from support.runnable import OUTPUT, SETTINGS, make_runnable

from dockferry import verify
from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.usecases.inspection import inspect_archive

pytestmark = pytest.mark.real

LEGACY = ("--format", "docker-legacy")


def with_zstd(image: MadeImage) -> MadeImage:
    """The same image, its layers compressed with zstd: nothing in its config changes."""
    layers, blobs = [], {image.config.digest: image.blobs[image.config.digest]}
    for layer in image.layers:
        data = image.blobs[layer.digest]
        packed = zstd_packed(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).data
        layers.append(Descriptor(f"{TAR}+zstd", Digest.of(packed), len(packed)))
        blobs[layers[-1].digest] = packed
    manifest = json.loads(image.manifest)
    manifest["layers"] = [layer.to_json() for layer in layers]
    return replace(image, manifest=json.dumps(manifest).encode(), layers=tuple(layers), blobs=blobs)


def check_runs(engine: Engine, archive: Path, reference: str, image: MadeImage) -> None:
    """In containerd the image gets a manifest made of the tar, so there its digest is no matter."""
    engine.load(archive)
    try:
        if engine.name != "containerd":
            assert engine.identity(reference) == str(image.config.digest)
        assert engine.run(reference) == OUTPUT
    finally:
        engine.remove(reference)


@pytest.mark.parametrize("name", ["docker", "podman", "containerd"])
@pytest.mark.parametrize("kind", ["gzip", "zstd", "zero bytes"])
def test_it_loads_and_runs(
    name: str, kind: str, request: pytest.FixtureRequest, registry: Registry, dockferry: Command, busybox: Path
) -> None:
    """Whatever the layers are packed with, repetitions as links, and one of no bytes at all."""
    image = make_runnable(busybox, zero_byte_layer=kind == "zero bytes")
    image = with_zstd(image) if kind == "zstd" else image
    reference = registry.push("old/app", kind.replace(" ", "-"), image)
    archive = dockferry.pull(reference, *LEGACY)
    assert verify(archive).layers == len(image.layers)
    assert verify(archive, deep=True).kind == "docker"
    (found,) = inspect_archive(archive)
    assert (found.name, found.digest) == (reference, str(image.config.digest))
    engine: Engine = request.getfixturevalue(name)
    check_runs(engine, archive, reference, image)


def test_docker_saves_what_it_was_given(
    docker: Docker, registry: Registry, dockferry: Command, busybox: Path
) -> None:
    """Loaded, and looked at: the settings are those that were pushed, character by character."""
    image = make_runnable(busybox)
    reference = registry.push("old/app", "settings", image)
    docker.load(dockferry.pull(reference, *LEGACY))
    found = json.loads(docker.inspect(reference, "{{json .Config}}"))
    assert {key: found[key] for key in SETTINGS} == SETTINGS
    diff_ids = json.loads(image.blobs[image.config.digest])["rootfs"]["diff_ids"]
    assert json.loads(docker.inspect(reference, "{{json .RootFS.Layers}}")) == diff_ids
    docker.remove(reference)


def test_docker_knows_an_image_without_a_tag_by_its_id(
    docker: Docker, registry: Registry, dockferry: Command, runnable: MadeImage
) -> None:
    """Asked for by digest: loaded, and nameless."""
    registry.push("old/app", "untagged", runnable)
    docker.load(dockferry.pull(f"{registry.host}/old/app@{runnable.digest}", *LEGACY))
    assert docker.run(str(runnable.config.digest)) == OUTPUT
    docker.remove(str(runnable.config.digest))


def test_skopeo_reads_it_as_dockers(
    skopeo: Skopeo, registry: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """As `docker-archive:` the config is the pushed one and every layer has its diff_id."""
    archive = dockferry.pull(registry.push("old/app", "skopeo", runnable), *LEGACY)
    assert skopeo.config(f"docker-archive:{archive}")["config"] == SETTINGS
    diff_ids = json.loads(runnable.blobs[runnable.config.digest])["rootfs"]["diff_ids"]
    plain = {text.partition(":")[2] for text in diff_ids}
    names = skopeo.copied(f"docker-archive:{archive}", tmp_path / "copy")
    assert set(names) == plain | {runnable.config.digest.hex}


def test_the_systems_tar_reads_it(
    registry: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """Extracted, as scripts do: every layer is a tar of its own, and a link leads to one."""
    archive = dockferry.pull(registry.push("old/app", "tar", runnable), *LEGACY)
    place = tmp_path / "out"
    place.mkdir()
    subprocess.run(["tar", "xf", str(archive), "-C", str(place)], check=True)
    (entry,) = json.loads((place / "manifest.json").read_bytes())
    for name in entry["Layers"]:
        listed = subprocess.run(["tar", "tf", str(place / name)], capture_output=True, text=True, check=True)
        assert listed.stderr == ""
    assert any((place / name).is_symlink() for name in entry["Layers"])


def test_a_tree_of_a_real_registry(
    registry: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """Layer upon layer, in the manifest's order, it is the image's file system."""
    tree = dockferry.pull(registry.push("old/app", "tree", runnable), "--format", "layers")
    root = tmp_path / "root"
    root.mkdir()
    manifest = json.loads((tree / "manifest.json").read_bytes())
    for layer in manifest["layers"]:
        digits = layer["digest"].partition(":")[2][:12]
        subprocess.run(["tar", "xf", str(tree / digits / "layer.tar"), "-C", str(root)], check=True)
    assert (root / "srv" / "edition").read_text() == "second"
    assert (root / "srv" / "hold").is_dir()
    assert Digest.of((tree / "config.json").read_bytes()) == runnable.config.digest
