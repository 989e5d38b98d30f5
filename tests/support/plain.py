"""Images whose layers are packed in every way, for the forms that unpack them."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from dataclasses import replace
from typing import Any, List, NamedTuple, Sequence, Tuple

from dockferry.oci.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest

from .images import MadeImage

TAR = "application/vnd.oci.image.layer.v1.tar"


class Packed(NamedTuple):
    """A layer as served, and what it is unpacked."""

    data: bytes
    plain: bytes
    media_type: str = f"{TAR}+gzip"


def tar_of(name: str, size: int, seed: int = 0, fill: bool = False) -> bytes:
    """A tar of one file, random (or all zeros, `fill`)."""
    content = (
        bytes(size) if fill else random.Random(f"{name}{seed}").getrandbits(8 * size or 1).to_bytes(size or 1, "big")
    )
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = size
        tar.addfile(info, io.BytesIO(content[:size]))
    return out.getvalue()


def gzipped(plain: bytes, members: int = 1) -> Packed:
    """In so many gzip members, one after the other."""
    step = -(-len(plain) // members) or 1
    parts = [plain[start : start + step] for start in range(0, len(plain), step)]
    return Packed(b"".join(gzip.compress(part, 1, mtime=0) for part in parts), plain)


def zstd_packed(plain: bytes) -> Packed:
    import zstandard

    return Packed(zstandard.ZstdCompressor(level=3).compress(plain), plain, f"{TAR}+zstd")


def unpacked(plain: bytes) -> Packed:
    return Packed(plain, plain, TAR)


def image_of(layers: Sequence[Packed], *, diff_ids: Sequence[Digest] = (), **config: Any) -> MadeImage:
    """An image of `layers`, whose config promises `diff_ids` (none: the right ones)."""
    promised = diff_ids or [Digest.of(layer.plain) for layer in layers]
    document = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]}, **config}
    document["rootfs"] = {"type": "layers", "diff_ids": list(map(str, promised))}
    raw = json.dumps(document).encode()
    described = Descriptor(OCI_CONFIG, Digest.of(raw), len(raw))
    listed = tuple(Descriptor(one.media_type, Digest.of(one.data), len(one.data)) for one in layers)
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described.to_json(),
        "layers": [one.to_json() for one in listed],
    }
    blobs = {Digest.of(one.data): one.data for one in layers}
    blobs[described.digest] = raw
    return MadeImage(json.dumps(manifest).encode(), OCI_MANIFEST, described, listed, blobs)


def all_kinds(size: int = 300_000) -> List[Packed]:
    """gzip, several members, plain, zstd, one that is all zeros, an empty tar, no bytes at all, and two again."""
    base, other = tar_of("base", size), tar_of("other", size // 3)
    made = [
        gzipped(base),
        gzipped(tar_of("members", size), members=5),
        unpacked(other),
        zstd_packed(tar_of("zstd", size)),
        gzipped(tar_of("zeros", 10 * size, fill=True)),
        gzipped(bytes(10_240)),
        Packed(b"", b"", TAR),
    ]
    return [*made, made[0], gzipped(other)]


def retyped(image: MadeImage, media_type: str) -> MadeImage:
    """`image`, its config of another type: an artifact that is no image."""
    raw = image.manifest.replace(OCI_CONFIG.encode(), media_type.encode())
    return replace(image, manifest=raw, config=replace(image.config, media_type=media_type))


def tree_of(image: MadeImage, layers: Sequence[Packed]) -> List[Tuple[str, bytes]]:
    """What a layer tree of `image` holds, by name."""
    found = {f"{Digest.of(one.data).short}/layer.tar": one.plain for one in layers}
    found.update({"manifest.json": image.manifest, "config.json": image.blobs[image.config.digest]})
    return sorted(found.items())
