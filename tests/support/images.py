"""Images made on the spot: real gzip'ed tar layers, a real config and manifest, all in memory."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

from dockferry.oci.descriptor import DOCKER_CONFIG, DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class MadeImage:
    """`blobs` holds every layer's and the config's bytes; `manifest` is raw."""

    manifest: bytes
    media_type: str
    config: Descriptor
    layers: Tuple[Descriptor, ...]
    blobs: Dict[Digest, bytes]

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)


def make_layer(name: str, content: bytes) -> Tuple[bytes, Digest]:
    """A layer with one file: its gzip'ed bytes and its diff_id. Incompressible content keeps its size."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    plain = out.getvalue()
    return gzip.compress(plain, 1, mtime=0), Digest.of(plain)


def make_image(
    sizes: Sequence[int],
    *,
    seed: int = 1,
    docker: bool = False,
    architecture: str = "amd64",
    settings: Optional[Dict[str, object]] = None,
) -> MadeImage:
    """An image whose layers hold one random file of each of `sizes` bytes."""
    rng = random.Random(seed)
    made = [make_layer(f"file{place}", _bytes(rng, size)) for place, size in enumerate(sizes)]
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": settings or {"Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": [str(diff_id) for _, diff_id in made]},
        }
    ).encode()
    layers = tuple(Descriptor(DOCKER_LAYER if docker else OCI_LAYER, Digest.of(data), len(data)) for data, _ in made)
    config_descriptor = Descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, Digest.of(config), len(config))
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config_descriptor.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    ).encode()
    blobs = {layer.digest: data for layer, (data, _) in zip(layers, made)}
    blobs[config_descriptor.digest] = config
    return MadeImage(manifest, media_type, config_descriptor, layers, blobs)


def _bytes(rng: random.Random, size: int) -> bytes:
    """`size` random bytes; Random.randbytes came with 3.9."""
    return rng.getrandbits(8 * size).to_bytes(size, "little") if size else b""
