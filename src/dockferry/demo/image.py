"""The demonstration's image: made on the spot, the same bytes every time, for two platforms.

Both platforms share the data layers, as real images share theirs; the first layer holds the program and a README.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

from ..oci.descriptor import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor
from ..oci.digest import Digest
from ..oci.platform import Platform
from ..serve import ImageStore, memory_blob
from ..text import human_size
from .hello import PROGRAMS, hello

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SHARES = (0.42, 0.21, 0.14, 0.09, 0.06, 0.04, 0.03, 0.01)
"""How the data is spread over the layers: unevenly, as in real images."""
PLATFORMS = tuple(Platform("linux", architecture) for architecture in PROGRAMS)
MESSAGE = b"Hello from an image that dockferry brought over in pieces and proved whole.\n"


@dataclass(frozen=True)
class Layer:
    """A layer as it is served, and the digest of what it holds."""

    descriptor: Descriptor
    data: bytes
    diff_id: Digest


@dataclass(frozen=True)
class DemoImage:
    """`sizes`: for each platform, the bytes that a pull must fetch: manifest, config and layers."""

    layers: int
    sizes: Dict[Platform, int]


def add_demo_image(store: ImageStore, repository: str, tag: str, size: int) -> DemoImage:
    """Put an image with about `size` bytes of data into `store`."""
    rng = random.Random(1)  # noqa: S311  # the same bytes every time, and gzip cannot shrink them
    data = [_data_layer(rng, place, int(size * share)) for place, share in enumerate(SHARES, 1)]
    entries: List[Descriptor] = []
    sizes: Dict[Platform, int] = {}
    for platform in PLATFORMS:
        layers = [_program_layer(platform, size), *data]
        config = _config(platform, layers)
        config_descriptor = Descriptor(OCI_CONFIG, Digest.of(config), len(config))
        manifest = _manifest(config_descriptor, layers)
        digest = store.add_manifest(repository, manifest, OCI_MANIFEST)
        store.add_blob(repository, config_descriptor.digest, memory_blob(config))
        for layer in layers:
            store.add_blob(repository, layer.descriptor.digest, memory_blob(layer.data))
        entries.append(Descriptor(OCI_MANIFEST, digest, len(manifest), platform))
        sizes[platform] = len(manifest) + len(config) + sum(layer.descriptor.size for layer in layers)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.to_json() for entry in entries]}
    store.add_manifest(repository, json.dumps(index, indent=2).encode(), OCI_INDEX, tag)
    return DemoImage(1 + len(data), sizes)


def _program_layer(platform: Platform, size: int) -> Layer:
    readme = (
        "Made by `dockferry demo` on the spot. /hello is a program of a few hundred bytes that greets and exits;\n"
        f"/data holds {human_size(size)} of random bytes, which serve to be downloaded and for nothing else.\n"
    )
    program = hello(platform.architecture, MESSAGE)
    return _layer([("README", readme.encode(), 0o644), ("hello", program, 0o755)], 9)


def _data_layer(rng: random.Random, place: int, size: int) -> Layer:
    data = rng.getrandbits(8 * size).to_bytes(size, "little") if size else b""
    return _layer([(f"data/part{place}.bin", data, 0o644)], 0)  # stored: packing random bytes only takes time


def _layer(files: Sequence[Tuple[str, bytes, int]], level: int) -> Layer:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content, mode in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    plain = out.getvalue()
    packed = gzip.compress(plain, level, mtime=0)
    return Layer(Descriptor(OCI_LAYER, Digest.of(packed), len(packed)), packed, Digest.of(plain))


def _config(platform: Platform, layers: Sequence[Layer]) -> bytes:
    document = {
        **platform.to_json(),
        "created": "1970-01-01T00:00:00Z",
        "config": {"Cmd": ["/hello"], "WorkingDir": "/", "Env": ["PATH=/"]},
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
    }
    return json.dumps(document).encode()


def _manifest(config: Descriptor, layers: Sequence[Layer]) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_json(),
        "layers": [layer.descriptor.to_json() for layer in layers],
    }
    return json.dumps(document, indent=2).encode()
