"""A small read-only registry of our own: `serve(store)` gives images over HTTP (OCI distribution spec, "Pull")."""

from __future__ import annotations

from .server import Running, serve
from .service import Served
from .store import Blob, ImageStore, Store, StoredManifest, file_blob, memory_blob

__all__ = ["Blob", "ImageStore", "Running", "Served", "Store", "StoredManifest", "file_blob", "memory_blob", "serve"]
