"""Synthetic: images of any size, made of one block of random bytes again and again, that are stored nowhere.

Strategy: the block stands in a file, from which the kernel sends; the hash of the longest blob is taken in one pass,
which on its way gives those of all shorter ones.
"""

from __future__ import annotations

import hashlib
import json
import random
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from dockferry.oci.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest
from dockferry.oci.platform import Platform
from dockferry.serve import Blob, ImageStore, memory_blob
from dockferry.serve.store import Send

LAYER = "application/vnd.oci.image.layer.v1.tar"
BLOCK = 32 << 20
Layers = Dict[Digest, Blob]
"""Of an image, in their order."""


class Block:
    """`BLOCK` random bytes in a new file at `path`."""

    def __init__(self, path: Path, seed: int = 0) -> None:
        self.path = path
        self._data = random.Random(seed).getrandbits(8 * BLOCK).to_bytes(BLOCK, "little")
        path.write_bytes(self._data)

    def digests(self, sizes: Sequence[int]) -> Dict[int, Digest]:
        """Of the blobs of these sizes, in bytes: the block again and again, cut off there."""
        hasher = hashlib.sha256()
        view = memoryview(self._data)
        done, found = 0, {}
        for size in sorted(sizes):
            while done < size:
                part = view[done % BLOCK : done % BLOCK + size - done]
                hasher.update(part)
                done += len(part)
            found[size] = Digest("sha256", hasher.hexdigest())
        return found

    def blob(self, size: int) -> Blob:
        """The blob of `size` bytes, as our own registry gives it."""

        @contextmanager
        def opened() -> Iterator[Send]:
            with open(self.path, "rb") as file:

                def send(out: socket.socket, start: int, end: int) -> None:
                    while start < end:
                        place = start % BLOCK
                        count = min(end - start, BLOCK - place)
                        out.sendfile(file, place, count)
                        start += count

                yield send

        return Blob(size, opened)


def tiny(count: int, size: int, name: str) -> Layers:
    """So many blobs of `size` bytes, all different, and different for each `name`."""
    made = (f"{name} {number} ".encode().ljust(size, b".") for number in range(count))
    return {Digest.of(data): memory_blob(data) for data in made}


def add_image(store: ImageStore, repository: str, layers: Layers) -> None:
    """`repository:1` with these layers, in their order."""
    listed: List[Descriptor] = [Descriptor(LAYER, digest, blob.size) for digest, blob in layers.items()]
    diff_ids = [str(layer.digest) for layer in listed]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = json.dumps({**Platform.of_host().to_json(), "config": {}, "rootfs": rootfs}).encode()
    described = Descriptor(OCI_CONFIG, Digest.of(config), len(config))
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described.to_json()}
    manifest["layers"] = [layer.to_json() for layer in listed]
    store.add_manifest(repository, json.dumps(manifest).encode(), OCI_MANIFEST, "1")
    for digest, blob in {described.digest: memory_blob(config), **layers}.items():
        store.add_blob(repository, digest, blob)
