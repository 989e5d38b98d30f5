"""The demonstration's image, and the program in it."""

from __future__ import annotations

import gzip
import http.client
import io
import stat
import struct
import subprocess
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from typing import List

import pytest

from dockferry.demo.hello import PROGRAMS, hello
from dockferry.demo.image import MESSAGE, PLATFORMS, add_demo_image
from dockferry.oci.digest import Digest
from dockferry.oci.manifest import Index, Manifest, parse_config, parse_manifest
from dockferry.oci.platform import Platform
from dockferry.serve import ImageStore, serve


def _manifest(store: ImageStore, name: str) -> object:
    found = store.manifest("demo/app", name)
    assert found is not None
    return parse_manifest(found.raw, found.media_type, name)


@pytest.mark.parametrize("architecture", sorted(PROGRAMS))
def test_program_is_a_static_elf(architecture: str) -> None:
    """Each platform's program is an ELF file for its machine, all of it in one segment, with no interpreter."""
    program = hello(architecture, MESSAGE)
    machine, entry = struct.unpack_from("<H4xQ", program, 18)
    (segments,) = struct.unpack_from("<H", program, 56)
    kind, _, _, start, _, size = struct.unpack_from("<IIQQQQ", program, 64)
    assert program.startswith(b"\x7fELF\x02\x01\x01")
    assert machine == {"amd64": 62, "arm64": 183}[architecture]
    assert (segments, kind, size) == (1, 1, len(program))
    assert start < entry < start + size
    assert program.endswith(MESSAGE)


def test_program_runs(tmp_path: Path) -> None:
    """On a Linux machine of one of the platforms the program greets and exits with 0."""
    host = Platform.of_host()
    assert sys.platform != "linux" or host not in PLATFORMS or _run(tmp_path / "hello", host) == MESSAGE


def _run(path: Path, host: Platform) -> bytes:
    path.write_bytes(hello(host.architecture, MESSAGE))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return subprocess.run([str(path)], check=True, capture_output=True, timeout=20).stdout


def test_image_is_what_it_says() -> None:
    """Index, manifests, configs and layers parse, hash to their digests, and hold what the README says."""
    store = ImageStore()
    made = add_demo_image(store, "demo/app", "1.0", 1_000_000)
    index = _manifest(store, "1.0")
    assert isinstance(index, Index)
    assert [entry.platform for entry in index.entries] == list(PLATFORMS)
    for entry in index.entries:
        assert entry.platform is not None
        manifest = _manifest(store, str(entry.digest))
        assert isinstance(manifest, Manifest)
        assert len(manifest.layers) == made.layers
        blobs = [_served(store, blob.digest) for blob in (manifest.config, *manifest.layers)]
        assert made.sizes[entry.platform] == len(manifest.raw) + sum(map(len, blobs))
        config = parse_config(blobs[0], "config")
        assert config.platform == entry.platform
        assert config.diff_ids == tuple(Digest.of(gzip.decompress(layer)) for layer in blobs[1:])
        files = [member for layer in blobs[1:] for member in _members(layer)]
        assert [file.name for file in files[:2]] == ["README", "hello"]
        assert all(file.name.startswith("data/") for file in files[2:])
        assert sum(file.size for file in files[2:]) == 1_000_000


def _members(layer: bytes) -> List[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer))) as tar:
        return tar.getmembers()


def _served(store: ImageStore, digest: Digest) -> bytes:
    """The blob, fetched over HTTP as a client would."""
    with serve(store) as running, closing(http.client.HTTPConnection("127.0.0.1", running.port)) as connection:
        connection.request("GET", f"/v2/demo/app/blobs/{digest}")
        data = connection.getresponse().read()
    assert Digest.of(data) == digest
    return data


def test_image_is_the_same_every_time() -> None:
    """Two makings give the same digest, so that a resumed demonstration and a bug report speak of the same bytes."""
    stores = [ImageStore(), ImageStore()]
    for store in stores:
        add_demo_image(store, "demo/app", "1.0", 300_000)
    first, second = (store.manifest("demo/app", "1.0") for store in stores)
    assert first == second


@pytest.mark.real
def test_image_loads_and_is_read_by_skopeo(tmp_path: Path) -> None:
    """skopeo takes the image for each platform and writes an archive of it: types, digests and diff_ids agree."""
    store = ImageStore()
    add_demo_image(store, "demo/app", "1.0", 300_000)
    with serve(store) as running:
        for platform in PLATFORMS:
            archive = tmp_path / f"{platform.architecture}.tar"
            subprocess.run(
                [
                    "skopeo",
                    "copy",
                    "--quiet",
                    f"--override-arch={platform.architecture}",
                    "--src-tls-verify=false",
                    f"docker://{running.host}/demo/app:1.0",
                    f"docker-archive:{archive}",
                ],
                check=True,
                capture_output=True,
                timeout=60,
            )
            assert archive.stat().st_size > 300_000
