"""Docker reader: the images that a `manifest.json` lists, as `docker save` of every age writes it."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, Optional, Tuple

from ..errors import ContentError
from ..oci.digest import Digest
from ..oci.manifest import MAX_LAYERS, MAX_MANIFESTS, parse_config
from ..oci.strict_json import MAX_MANIFEST, parse_array
from ..text import clean, shown_path
from . import layout
from .members import Members, read_member
from .stored import StoredImage, StoredLayer
from .tar_walk import check_name
from .unpack import MAGIC_SIZE, packing

_BLOB = re.compile(r"blobs/(sha256|sha512)/([0-9a-f]+)")
_OLD_CONFIG = re.compile(r"([0-9a-f]{64})\.json")
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


@dataclass(frozen=True)
class DockerEntry:
    """One line of `manifest.json`: the config's and the layers' paths, and `name:tag` forms as they stand."""

    config: str
    tags: Tuple[str, ...]
    layers: Tuple[str, ...]


def read_entries(members: Members) -> Tuple[DockerEntry, ...]:
    """The lines of `manifest.json`. Raises ContentError."""
    what = f"{shown_path(members.path)}: {layout.MANIFEST_FILE}"
    values = parse_array(read_member(members, layout.MANIFEST_FILE, layout.MAX_INDEX), what, layout.MAX_INDEX)
    if len(values) > MAX_MANIFESTS:
        raise ContentError("{}: wanted at most {} images, got {}", what, MAX_MANIFESTS, len(values))
    return tuple(_entry(value, f"{what}: [{place}]") for place, value in enumerate(values))


def read_docker(members: Members) -> Tuple[StoredImage, ...]:
    """Raises ContentError where an entry, a config or the number of layers is not what it should be."""
    return tuple(_image(members, entry) for entry in read_entries(members))


def blob_digest(member: str) -> Optional[Digest]:
    """What `blobs/sha256/<hex>` says of its bytes; None for another path. Raises ContentError for a bad digest."""
    match = _BLOB.fullmatch(member)
    return Digest.parse(":".join(match.groups())) if match else None


def _entry(value: Any, what: str) -> DockerEntry:
    if not isinstance(value, dict):
        raise ContentError("{}: wanted an object, got {}", what, type(value).__name__)
    config, tags, layers = value.get("Config"), value.get("RepoTags") or [], value.get("Layers") or []
    if not (isinstance(config, str) and _is_texts(tags) and _is_texts(layers)):
        raise ContentError("{}: wanted Config, RepoTags and Layers, got other values", what)
    return DockerEntry(
        check_name(config, what),
        tuple(clean(tag) for tag in tags),
        tuple(check_name(layer, what) for layer in layers),
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and len(value) <= MAX_LAYERS and all(isinstance(one, str) for one in value)


def _image(members: Members, entry: DockerEntry) -> StoredImage:
    what = f"{shown_path(members.path)}: {entry.config}"
    raw = read_member(members, entry.config, MAX_MANIFEST)
    digest = _config_digest(entry.config, raw, what)
    config = parse_config(raw, what)
    if len(config.diff_ids) != len(entry.layers):
        raise ContentError(
            "{}: wanted {} diff_ids, one a layer, got {}", what, len(entry.layers), len(config.diff_ids)
        )
    layers = tuple(_layer(members, path, diff_id) for path, diff_id in zip(entry.layers, config.diff_ids))
    platform = config.platform if config.platform.os else None
    return StoredImage(entry.tags, None, entry.config, digest, config, layers, platform)


def _config_digest(member: str, raw: bytes, what: str) -> Digest:
    """The config's digest, which is its name in all forms but hand-made ones."""
    old = _OLD_CONFIG.fullmatch(member)
    wanted = Digest("sha256", old.group(1)) if old else blob_digest(member)
    got = Digest.of(raw, wanted.algorithm if wanted else "sha256")
    if wanted not in (None, got):
        raise ContentError("{}: wanted {}, got {}", what, wanted, got)
    return got


def _layer(members: Members, member: str, diff_id: Digest) -> StoredLayer:
    kind = ""
    if member in members.sizes:
        with io.BufferedReader(members.open(member)) as stream:
            kind = packing(stream.read(MAGIC_SIZE))
    media_type = f"{_LAYER}.{kind}" if kind else _LAYER
    return StoredLayer(member, members.sizes.get(member, 0), media_type, blob_digest(member), diff_id)
