"""Made images given by the program's own registry."""

from __future__ import annotations

from dockferry.serve import ImageStore, memory_blob

from .images import MadeImage


def store_of(image: MadeImage, repository: str = "demo/app", *tags: str) -> ImageStore:
    """A store with `image` in memory, under `tags` (none given: `1.0`)."""
    store = ImageStore()
    store.add_manifest(repository, image.manifest, image.media_type, *(tags or ("1.0",)))
    for digest, data in image.blobs.items():
        store.add_blob(repository, digest, memory_blob(data))
    return store
