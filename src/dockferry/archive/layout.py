"""Layout: the documents beside the blobs: `oci-layout`, `index.json`, `manifest.json`.

OCI image spec, image-layout.md; Docker image spec v1.2, "Combined Image JSON + Filesystem Changeset Format".
The same values give the same bytes: keys in a fixed order, no white space.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence

from ..errors import ContentError
from ..message import Message
from ..oci.descriptor import OCI_INDEX, Descriptor
from ..oci.digest import Digest
from ..oci.reference import Reference
from ..oci.strict_json import parse_object
from ..text import clean
from .content import Content

OCI_LAYOUT_FILE = "oci-layout"
INDEX_FILE = "index.json"
MANIFEST_FILE = "manifest.json"
WORK_DIRECTORY = ".dockferry"
"""In a layout directory: where unfinished blobs and their journal wait."""
CONTAINERD_NAME = "io.containerd.image.name"
REF_NAME = "org.opencontainers.image.ref.name"
LAYOUT_VERSION = "1.0.0"
MAX_INDEX = 4 * 1024 * 1024
"""Bytes that an `index.json`, `manifest.json` or `oci-layout` may have."""


def blob_path(digest: Digest) -> str:
    """Where a blob stands: `blobs/sha256/<hex>`."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


def oci_layout() -> bytes:
    return dump({"imageLayoutVersion": LAYOUT_VERSION})


def check_oci_layout(raw: bytes, what: str) -> None:
    """Raises ContentError unless `raw` is an `oci-layout` of version 1."""
    version = parse_object(raw, what, MAX_INDEX).get("imageLayoutVersion")
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise ContentError("{}: wanted imageLayoutVersion {}, got {}", what, LAYOUT_VERSION, clean(repr(version), 40))


def entry(content: Content) -> Descriptor:
    """The image's line in `index.json`. It points straight at the platform's manifest.

    Both names are the full reference: containerd and Docker read the first; the second is all that Podman before
    4.0 reads, and would become `localhost/latest` were it only a tag.
    """
    name = str(content.name)
    named = replace(content.manifest.descriptor, annotations=((CONTAINERD_NAME, name), (REF_NAME, name)))
    return replace(named, platform=content.platform)


def index_json(entries: Sequence[Descriptor]) -> bytes:
    return _index([one.to_json() for one in entries], {})


def merged_index(raw: Optional[bytes], new: Descriptor, what: str) -> bytes:
    """`raw`, an `index.json` or None, with `new` in place of the entry of its name and platform, or else at the end.

    All else in it is kept as it is. Raises ContentError, naming `what`, when `raw` is not an index.
    """
    if raw is None:
        return index_json([new])
    document = parse_object(raw, what, MAX_INDEX)
    values = document.pop("manifests", None)
    if not isinstance(values, list):
        raise ContentError("{}: wanted a list of manifests, got {}", what, type(values).__name__)
    found = [
        Descriptor.from_json(value, Message("{}: {}", what, f"manifests[{place}]"))
        for place, value in enumerate(values)
    ]
    kept: List[Any] = []
    is_placed = False
    for value, old in zip(values, found):
        if (_ref_name(old), old.platform) != (_ref_name(new), new.platform):
            kept.append(value)
        elif not is_placed:
            kept.append(new.to_json())
            is_placed = True
    return _index(kept if is_placed else [*kept, new.to_json()], document)


def manifest_json(contents: Sequence[Content]) -> bytes:
    """Docker's own list, whose paths are those of the OCI layout. A layer that repeats is named each time."""
    return dump(
        [
            {
                "Config": blob_path(content.manifest.config.digest),
                "RepoTags": repo_tags(content.name),
                "Layers": [blob_path(layer.digest) for layer in content.manifest.layers],
            }
            for content in contents
        ]
    )


def repo_tags(name: Reference) -> List[str]:
    """As Docker shows it, `nginx:1.27`; nothing for a digest, which Docker refuses there."""
    return [f"{name.familiar_repository}:{name.tag}"] if name.tag else []


def _ref_name(one: Descriptor) -> Optional[str]:
    return dict(one.annotations).get(REF_NAME)


def _index(manifests: List[Any], others: Dict[str, Any]) -> bytes:
    return dump({"schemaVersion": 2, "mediaType": OCI_INDEX, **others, "manifests": manifests})


def dump(value: Any) -> bytes:
    """JSON in ASCII: the same values give the same bytes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode("ascii")
