"""Plain layers: an image's layers as they are to be unpacked, each once, and what cannot be."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

from ..errors import ContentError, UsageError
from ..message import Message
from ..oci.descriptor import Descriptor
from ..oci.digest import Digest
from ..oci.manifest import parse_config
from .content import Content
from .plan import check_loadable


class PlainLayer(NamedTuple):
    """`blob` holds the layer as it is served; unpacked its digest is `diff_id`."""

    blob: Descriptor
    diff_id: Digest


def plain_layers(content: Content) -> Tuple[PlainLayer, ...]:
    """The layers of `content`, each blob once, in the manifest's order.

    Raises UsageError for what is no image, or has layers that are no tars; ContentError where the config contradicts
    the manifest.
    """
    check_loadable(content)
    familiar = content.name.familiar
    diff_ids = parse_config(content.config, Message("config of {}", familiar)).diff_ids
    fetched = {blob.digest for blob in content.blobs}
    found: Dict[Digest, PlainLayer] = {}
    for layer, diff_id in zip(content.manifest.layers, diff_ids):
        if not is_tar(layer.media_type) or layer.digest not in fetched:
            raise UsageError(
                "{}: layer {} is of type {!r}, which cannot be unpacked",
                familiar,
                layer.digest.short,
                layer.media_type,
                remedy="--format oci keeps it as it is",
            )
        before = found.setdefault(layer.digest, PlainLayer(layer, diff_id))
        if before.diff_id != diff_id:
            raise ContentError(
                "config of {}: wanted one diff_id for {}, got {} and {}",
                familiar,
                layer.digest,
                before.diff_id,
                diff_id,
            )
    return tuple(found.values())


def is_tar(media_type: str) -> bool:
    """Whether a layer of this type is a tar, packed or not; of one without a type its bytes will say it."""
    return not media_type or ("tar" in media_type and "encrypted" not in media_type)


def layer_names(digests: Tuple[Digest, ...]) -> Dict[Digest, str]:
    """What each of these layers is called in a tree: the first 12 hexadecimal digits of its digest.

    Where two of them share these, as many more as make them differ.
    """
    ordered = sorted(set(digests), key=lambda digest: digest.hex)
    shared = [_shared(one.hex, other.hex) for one, other in zip(ordered, ordered[1:])]
    around = zip([0, *shared], [*shared, 0])
    return {digest: digest.hex[: max(12, 1 + max(both))] for digest, both in zip(ordered, around)}


def _shared(one: str, other: str) -> int:
    """How many digits both begin with."""
    return next((place for place, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
