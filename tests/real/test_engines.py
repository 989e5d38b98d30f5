"""What dockferry pulls, real engines load and run, and name by the digests that were pushed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Tuple

import pytest
from support.command import Command
from support.engines import Docker, Engine, Podman, Skopeo
from support.images import MadeImage
from support.registries import Registry
from support.runnable import OUTPUT, SETTINGS, make_runnable, make_runnable_index

pytestmark = pytest.mark.real

ALL = ("docker", "podman", "containerd")
OCI = ("podman", "containerd")


def engine_named(request: pytest.FixtureRequest, name: str) -> Engine:
    found: Engine = request.getfixturevalue(name)
    return found


def check_runs(engine: Engine, archive: Path, reference: str, image: MadeImage) -> None:
    """Loads, compares the digest, runs, and removes, so that no later test finds the layers there already."""
    engine.load(archive)
    try:
        assert engine.identity(reference) == str(image.digest if engine.name == "containerd" else image.config.digest)
        assert engine.run(reference) == OUTPUT
    finally:
        engine.remove(reference)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("docker_types", [True, False], ids=["schema2", "oci"])
def test_an_archive_loads_and_runs(
    name: str,
    docker_types: bool,
    request: pytest.FixtureRequest,
    registry: Registry,
    dockferry: Command,
    busybox: Path,
) -> None:
    """One default archive runs in every engine, whichever media types the registry holds."""
    image = make_runnable(busybox, docker=docker_types)
    reference = registry.push("engines/app", "schema2" if docker_types else "oci", image)
    check_runs(engine_named(request, name), dockferry.pull(reference), reference, image)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("docker_types", [True, False], ids=["schema2", "oci"])
def test_this_machines_image_is_chosen_from_an_index(
    name: str,
    docker_types: bool,
    request: pytest.FixtureRequest,
    registry: Registry,
    dockferry: Command,
    busybox: Path,
) -> None:
    """Of a multi-platform index, attestations beside the images, comes the one that runs here."""
    index = make_runnable_index(busybox, docker=docker_types)
    reference = registry.push("engines/multi", "schema2" if docker_types else "oci", index)
    check_runs(engine_named(request, name), dockferry.pull(reference), reference, index.images[0])


@pytest.mark.parametrize("name", OCI)
def test_an_oci_archive_loads_and_runs(
    name: str, request: pytest.FixtureRequest, registry: Registry, dockferry: Command, runnable: MadeImage
) -> None:
    """`--format oci` runs where OCI archives are understood."""
    reference = registry.push("engines/app", "oci", runnable)
    archive = dockferry.pull(reference, "--format", "oci")
    check_runs(engine_named(request, name), archive, reference, runnable)


def test_an_oci_directory_loads_and_runs(
    podman: Podman, skopeo: Skopeo, registry: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """`--format oci-dir` is a layout that Podman loads and skopeo copies, the manifest's bytes as pushed.

    Podman gives an image from a directory no name: it is known by its ID.
    """
    reference = registry.push("engines/app", "oci", runnable)
    layout = dockferry.pull(reference, "--format", "oci-dir")
    assert skopeo.manifest(f"oci:{layout}") == runnable.manifest
    assert skopeo.copied(f"oci:{layout}", tmp_path / "copy") == blob_names(runnable)
    check_runs(podman, layout, str(runnable.config.digest), runnable)


@pytest.mark.parametrize("name", ALL)
def test_a_layer_of_no_bytes_loads_and_runs(
    name: str, request: pytest.FixtureRequest, registry: Registry, dockferry: Command, busybox: Path
) -> None:
    """A blob of size 0 among the layers does no harm."""
    image = make_runnable(busybox, zero_byte_layer=True)
    reference = registry.push("engines/app", "zero", image)
    check_runs(engine_named(request, name), dockferry.pull(reference), reference, image)


def test_an_image_asked_for_by_digest_runs_in_docker(
    docker: Docker, registry: Registry, dockferry: Command, runnable: MadeImage
) -> None:
    """Without a tag Docker knows the image by its ID."""
    registry.push("engines/app", "oci", runnable)
    docker.load(dockferry.pull(f"{registry.host}/engines/app@{runnable.digest}"))
    assert docker.run(str(runnable.config.digest)) == OUTPUT
    docker.remove(str(runnable.config.digest))


@pytest.mark.parametrize("name", OCI)
def test_an_image_asked_for_by_digest_keeps_that_name(
    name: str, request: pytest.FixtureRequest, registry: Registry, dockferry: Command, runnable: MadeImage
) -> None:
    """Engines that can name an image by digest find it under the reference that was asked for."""
    registry.push("engines/app", "oci", runnable)
    reference = f"{registry.host}/engines/app@{runnable.digest}"
    check_runs(engine_named(request, name), dockferry.pull(reference), reference, runnable)


def test_settings_arrive_in_docker_and_podman(
    docker: Docker, podman: Podman, registry: Registry, dockferry: Command, runnable: MadeImage
) -> None:
    """Labels, environment and the rest are the pushed config's, character by character."""
    reference = registry.push("engines/app", "oci", runnable)
    archive = dockferry.pull(reference)
    for engine in (docker, podman):
        engine.load(archive)
        found = json.loads(engine.inspect(reference, "{{json .Config}}"))
        assert {key: found[key] for key in SETTINGS} == SETTINGS
        engine.remove(reference)


def test_podman_keeps_the_manifests_digest(
    podman: Podman, registry: Registry, dockferry: Command, runnable: MadeImage
) -> None:
    """`podman image inspect` shows the digest that the registry has, so signatures and pins still match."""
    reference = registry.push("engines/app", "oci", runnable)
    podman.load(dockferry.pull(reference))
    assert podman.inspect(reference, "{{.Digest}}") == str(runnable.digest)
    podman.remove(reference)


def test_skopeo_reads_the_archive_as_oci(
    skopeo: Skopeo, registry: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """As `oci-archive:` the manifest's bytes and all blobs are those that were pushed."""
    archive = dockferry.pull(registry.push("engines/app", "oci", runnable))
    assert skopeo.manifest(f"oci-archive:{archive}") == runnable.manifest
    assert skopeo.copied(f"oci-archive:{archive}", tmp_path / "copy") == blob_names(runnable)


def test_skopeo_reads_the_archive_as_dockers(
    skopeo: Skopeo, registry: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """As `docker-archive:` the config is the pushed one and every layer unpacks to its diff_id."""
    archive = dockferry.pull(registry.push("engines/app", "oci", runnable))
    assert skopeo.config(f"docker-archive:{archive}")["config"] == SETTINGS
    diff_ids = json.loads(runnable.blobs[runnable.config.digest])["rootfs"]["diff_ids"]
    plain = {text.partition(":")[2] for text in diff_ids}
    names = skopeo.copied(f"docker-archive:{archive}", tmp_path / "copy")
    assert set(names) == plain | {runnable.config.digest.hex}


def blob_names(image: MadeImage) -> Tuple[str, ...]:
    """The hexadecimal digests of config and layers, sorted, each once."""
    return tuple(sorted(digest.hex for digest in image.blobs))
