"""Images made on the spot: real gzip'ed tar layers, a real config and manifest, all in memory."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tarfile
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from dockferry.oci.descriptor import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from dockferry.oci.digest import Digest

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_PLAIN_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"
IN_TOTO = "application/vnd.in-toto+json"

Layer = Tuple[bytes, Digest]
"""A layer's bytes as served, gzip'ed or plain, and its diff_id."""


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


@dataclass(frozen=True)
class MadeIndex:
    """`raw` lists `images` (what runs first, an attestation last) and is no image itself."""

    raw: bytes
    media_type: str
    images: Tuple[MadeImage, ...]

    @property
    def digest(self) -> Digest:
        return Digest.of(self.raw)


def make_layer(name: str, content: bytes) -> Layer:
    """A layer with one file: its gzip'ed bytes and its diff_id. Incompressible content keeps its size."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    plain = out.getvalue()
    return gzip.compress(plain, 1, mtime=0), Digest.of(plain)


def zstd_frame(data: bytes) -> bytes:
    """One frame (RFC 8878) of raw blocks of at most 128 KiB: no compressor is needed for that."""
    blocks = [data[start : start + 100_000] for start in range(0, len(data), 100_000)]
    made = struct.pack("<IBQ", 0xFD2FB528, 0xE0, len(data))
    for place, block in enumerate(blocks):
        is_last = place == len(blocks) - 1
        made += struct.pack("<I", len(block) << 3 | is_last)[:3] + block
    return made


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
    return assemble(made, docker=docker, architecture=architecture, settings=settings or {"Cmd": ["/bin/sh"]})


def assemble(
    made: Sequence[Layer], *, settings: Dict[str, object], docker: bool = False, architecture: str = "amd64"
) -> MadeImage:
    """An image of these layers, lowest first, and these settings (the config's `config`)."""
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": {"type": "layers", "diff_ids": [str(diff_id) for _, diff_id in made]},
        }
    ).encode()
    layers = tuple(Descriptor(_layer_type(data, docker), Digest.of(data), len(data)) for data, _ in made)
    config_descriptor = Descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, Digest.of(config), len(config))
    blobs = {layer.digest: data for layer, (data, _) in zip(layers, made)}
    blobs[config_descriptor.digest] = config
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    return MadeImage(_manifest(media_type, config_descriptor, layers), media_type, config_descriptor, layers, blobs)


def make_index(images: Dict[str, MadeImage]) -> MadeIndex:
    """An index of `images` by architecture; in an OCI index BuildKit's attestation for the first follows."""
    listed = list(images.values())
    docker = listed[0].media_type == DOCKER_MANIFEST
    entries: List[Dict[str, object]] = [
        {**_described(image), "platform": {"architecture": architecture, "os": "linux"}}
        for architecture, image in images.items()
    ]
    if not docker:
        listed.append(_attestation())
        entries.append(
            {
                **_described(listed[-1]),
                "platform": {"architecture": "unknown", "os": "unknown"},
                "annotations": {
                    "vnd.docker.reference.digest": str(listed[0].digest),
                    "vnd.docker.reference.type": "attestation-manifest",
                },
            }
        )
    media_type = DOCKER_INDEX if docker else OCI_INDEX
    raw = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()
    return MadeIndex(raw, media_type, tuple(listed))


def _attestation() -> MadeImage:
    """As BuildKit writes it: an image manifest whose one layer is an in-toto statement."""
    statement = json.dumps({"_type": "https://in-toto.io/Statement/v0.1", "subject": []}).encode()
    config = json.dumps({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": {}}).encode()
    layers = (Descriptor(IN_TOTO, Digest.of(statement), len(statement)),)
    described = Descriptor(OCI_CONFIG, Digest.of(config), len(config))
    blobs = {layers[0].digest: statement, described.digest: config}
    return MadeImage(_manifest(OCI_MANIFEST, described, layers), OCI_MANIFEST, described, layers, blobs)


def _manifest(media_type: str, config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": config.to_json(),
            "layers": [layer.to_json() for layer in layers],
        }
    ).encode()


def _described(image: MadeImage) -> Dict[str, object]:
    return {"mediaType": image.media_type, "digest": str(image.digest), "size": len(image.manifest)}


def _layer_type(data: bytes, docker: bool) -> str:
    if data.startswith(b"\x1f\x8b"):
        return DOCKER_LAYER if docker else OCI_LAYER
    return DOCKER_PLAIN_LAYER if docker else OCI_PLAIN_LAYER


def _bytes(rng: random.Random, size: int) -> bytes:
    """`size` random bytes; Random.randbytes came with 3.9."""
    return rng.getrandbits(8 * size).to_bytes(size, "little") if size else b""
