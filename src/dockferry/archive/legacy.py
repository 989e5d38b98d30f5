"""Legacy: an image as `docker save` wrote it before 25.0: a directory for each layer, layers plain.

Docker image spec v1 and v1.2, "Combined Image JSON + Filesystem Changeset Format"; moby's `image/tarexport/save.go`.

Strategy: how large a layer is shows when it is unpacked, so that offsets are not known before. All else is: a run of
*fixed* bytes stands before each layer's header, and one at the end. A layer whose content is there already is a
symbolic link, as Docker had it, and part of the fixed bytes.
"""

from __future__ import annotations

import hashlib
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from ..message import Message
from ..oci.digest import Digest
from ..oci.strict_json import parse_object
from . import tar
from .content import Content
from .layout import MANIFEST_FILE, dump, repo_tags
from .plain_layers import PlainLayer, plain_layers

REPOSITORIES_FILE = "repositories"
_VERSION = b"1.0"
_LONG_AGO = "1970-01-01T00:00:00Z"
_NOT_IN_V1 = ("id", "parent", "rootfs", "history")
"""What the form of old has not, or says of the layer instead."""

Read = Callable[[int, int], bytes]
"""From an offset, so many bytes; fewer at the end."""
Place = Tuple[int, int]
"""A layer's offset and size."""
Places = Tuple[Place, ...]


class LegacyPlan(NamedTuple):
    """`layers` are those to be unpacked, `names` their members; `fixed[n]` stands before the header of layer n.

    The last of `fixed` stands at the end.
    """

    layers: Tuple[PlainLayer, ...]
    names: Tuple[str, ...]
    fixed: Tuple[bytes, ...]

    @classmethod
    def of(cls, content: Content) -> LegacyPlan:
        """Raises UsageError and ContentError as `plain_layers` does."""
        blobs = {layer.blob.digest: layer for layer in plain_layers(content)}
        ordered = [blobs[layer.digest] for layer in content.manifest.layers]
        ids = layer_ids([layer.diff_id for layer in ordered], Digest.of(content.config))
        config = parse_object(content.config, Message("config of {}", content.name.familiar))
        runs = [[_documents(content, ids)]]
        layers: List[PlainLayer] = []
        first: Dict[Digest, str] = {}
        for place, (layer, one) in enumerate(zip(ordered, ids)):
            said = _said(config, is_top=place == len(ids) - 1)
            parent = {"parent": ids[place - 1]} if place else {}
            runs[-1] += (
                _member(f"{one}/VERSION", _VERSION),
                _member(f"{one}/json", dump({"id": one, **parent, **said})),
            )
            if layer.diff_id in first:
                runs[-1].append(tar.short_header(_layer(one), 0, f"../{_layer(first[layer.diff_id])}"))
            else:
                first[layer.diff_id] = one
                layers.append(layer)
                runs.append([])
        runs[-1].append(tar.END)
        return cls(tuple(layers), tuple(map(_layer, first.values())), tuple(map(b"".join, runs)))

    def header(self, number: int, size: int) -> bytes:
        """That of a layer; 512 bytes whatever its size."""
        return tar.short_header(self.names[number], size)

    def maybe_places(self, read: Read, whole: int) -> Optional[Places]:
        """Where the layers stand in the file of `whole` bytes that `read` reads, if it is this, by all but theirs."""
        offset = 0
        places: List[Place] = []
        for number, run in enumerate(self.fixed):
            if read(offset, len(run)) != run:
                return None
            offset += len(run)
            if number < len(self.layers):
                block = read(offset, tar.BLOCK)
                size = tar.size_in(block)
                if size < 0 or block != self.header(number, size):
                    return None
                places.append((offset + tar.BLOCK, size))
                offset += tar.BLOCK + size + len(tar.padding(size))
                if offset > whole:
                    return None
        return tuple(places) if offset == whole else None


def layer_ids(diff_ids: List[Digest], config: Digest) -> List[str]:
    """What the layers are called: each by all that is below it, the top one by the config too, as it is the image."""
    found: List[str] = []
    for place, diff_id in enumerate(diff_ids):
        parent = found[-1] if found else ""
        top = str(config) if place == len(diff_ids) - 1 else ""
        found.append(hashlib.sha256(f"dockferry layer 1\n{parent}\n{diff_id}\n{top}\n".encode()).hexdigest())
    return found


def _documents(content: Content, ids: List[str]) -> bytes:
    config = f"{Digest.of(content.config).hex}.json"
    tags = repo_tags(content.name)
    entry = {"Config": config, "RepoTags": tags, "Layers": [_layer(one) for one in ids]}
    made = _member(config, content.config) + _member(MANIFEST_FILE, dump([entry]))
    if tags and ids:
        named = {content.name.familiar_repository: {content.name.tag: ids[-1]}}
        made += _member(REPOSITORIES_FILE, dump(named))
    return made


def _said(config: Dict[str, Any], *, is_top: bool) -> Dict[str, Any]:
    """A layer's document but for its names: the top one's is the config as Docker before 1.10 reads it."""
    if not is_top:
        return {"created": _LONG_AGO, "os": config.get("os", "")}
    return {key: value for key, value in config.items() if key not in _NOT_IN_V1}


def _layer(one: str) -> str:
    return f"{one}/layer.tar"


def _member(name: str, data: bytes) -> bytes:
    return tar.header(name, len(data)) + data + tar.padding(len(data))
