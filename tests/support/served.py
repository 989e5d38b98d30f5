"""Made images given by the program's own registry."""

from __future__ import annotations

from dockferry.serve import ImageStore, memory_blob

from .images import MadeImage, MadeIndex


def store_of(image: MadeImage, repository: str = "demo/app", *tags: str) -> ImageStore:
    """A store with `image` in memory, under `tags` (none given: `1.0`)."""
    store = ImageStore()
    store.add_manifest(repository, image.manifest, image.media_type, *(tags or ("1.0",)))
    for digest, data in image.blobs.items():
        store.add_blob(repository, digest, memory_blob(data))
    return store


def store_of_index(index: MadeIndex, repository: str = "demo/app", *tags: str) -> ImageStore:
    """A store with an index and all of its images, under `tags` (none given: `1.0`)."""
    store = ImageStore()
    store.add_manifest(repository, index.raw, index.media_type, *(tags or ("1.0",)))
    for image in index.images:
        store.add_manifest(repository, image.manifest, image.media_type)
        for digest, data in image.blobs.items():
            store.add_blob(repository, digest, memory_blob(data))
    return store
