"""Image: a real one of incompressible layers, made in files, so that neither side can be faster by squeezing it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, List, Sequence, Tuple

from dockferry.oci.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest
from dockferry.oci.platform import Platform

MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_STEP = 1 << 20


@dataclass(frozen=True)
class BenchImage:
    """`blobs`: config and layers with the files that hold them. `size`: bytes that a client must fetch."""

    repository: str
    tag: str
    manifest: bytes
    blobs: Tuple[Tuple[Descriptor, Path], ...]

    @property
    def size(self) -> int:
        return len(self.manifest) + sum(descriptor.size for descriptor, _ in self.blobs)

    @property
    def layers(self) -> int:
        return len(self.blobs) - 1

    @property
    def layers_in_words(self) -> str:
        return "1 layer" if self.layers == 1 else f"{self.layers} layers"


def make(folder: Path, repository: str, sizes: Sequence[int]) -> BenchImage:
    """An image with layers of `sizes` bytes, in `folder`."""
    folder.mkdir()
    made = [_layer(folder / f"layer{place}", size, seed=place) for place, size in enumerate(sizes)]
    layers = [descriptor for descriptor, _ in made]
    config = json.dumps(
        {
            **Platform.of_host().to_json(),
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in made]},
        }
    ).encode()
    (folder / "config").write_bytes(config)
    described = Descriptor(OCI_CONFIG, Digest.of(config), len(config))
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    files = [(described, folder / "config")]
    files += [(layer, folder / f"layer{place}") for place, layer in enumerate(layers)]
    return BenchImage(repository, "1", json.dumps(manifest).encode(), tuple(files))


class _Hashing(io.RawIOBase):
    """A file that is only written, and hashed on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self._file.write(data)
        self.size += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


class _Random(io.RawIOBase):
    """Random bytes without end; made a step at a time, for this process must stay small."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def read(self, size: int = -1) -> bytes:
        return self._random.getrandbits(8 * size).to_bytes(size, "little")


def _layer(path: Path, size: int, seed: int) -> Tuple[Descriptor, str]:
    """A gzip'ed tar with one file, written to `path`; with its diff_id."""
    with open(path, "wb") as file:
        packed = _Hashing(file)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=0, fileobj=packed, mtime=0) as zipped:
            plain = _Hashing(zipped)  # type: ignore[arg-type]
            with tarfile.open(mode="w|", fileobj=plain, bufsize=_STEP) as tar:
                info = tarfile.TarInfo(f"file{seed}")
                info.size = size
                tar.addfile(info, _Random(seed))
    return Descriptor(MEDIA_TYPE, Digest.parse(packed.digest), packed.size), plain.digest


def uneven(total: int, count: int) -> List[int]:
    """`count` sizes that add up to `total`, from large to small as in real images: each 0.85 of the one before."""
    weights = [0.85**place for place in range(count)]
    return [int(total * weight / sum(weights)) for weight in weights]
