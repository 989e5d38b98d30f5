"""Plain layers: which layers are to be unpacked, and what each is called in a tree."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.archives import content_of
from support.plain import TAR, Packed, gzipped, image_of, retyped, tar_of, unpacked

from dockferry.archive.content import Content
from dockferry.archive.plain_layers import is_tar, layer_names, plain_layers
from dockferry.errors import ContentError, UsageError
from dockferry.oci.digest import Digest

A, B = gzipped(tar_of("a", 100)), gzipped(tar_of("b", 100))


def digest(start: str) -> Digest:
    return Digest("sha256", start.ljust(64, "0"))


def test_a_layer_is_called_by_its_first_twelve_digits() -> None:
    """As the manual has it."""
    one, other = Digest.of(b"one"), Digest.of(b"other")
    assert layer_names((one, other, one)) == {one: one.hex[:12], other: other.hex[:12]}


def test_two_that_share_twelve_digits_get_more() -> None:
    """As many as make them differ, each of them; a third keeps its twelve."""
    one, two, three, far = (
        digest("abcdef012345" + "6"),
        digest("abcdef012345" + "7" * 9),
        digest("abcdef0123457" + "8"),
        digest("b"),
    )
    names = layer_names((one, two, three, far))
    assert names == {one: "abcdef0123456", two: "abcdef01234577", three: "abcdef01234578", far: "b" + "0" * 11}


def test_two_that_differ_in_the_last_digit_have_all() -> None:
    """The worst that can be."""
    one, other = digest("a" * 63 + "0"), digest("a" * 63 + "1")
    assert layer_names((one, other)) == {one: one.hex, other: other.hex}


DIGESTS = st.lists(
    st.builds(
        lambda start, rest: Digest("sha256", (start + rest)[:64]),
        st.sampled_from(["a" * 11, "a" * 12, "a" * 40, "b" * 12, ""]),
        st.text(string.hexdigits.lower()[:16], min_size=64, max_size=64),
    ),
    max_size=30,
)


@given(DIGESTS)
def test_names_are_the_shortest_that_differ(digests: List[Digest]) -> None:
    """Each begins its digest, none is another's, and none could be shorter, but for the twelve."""
    names = layer_names(tuple(digests))
    assert len(set(names.values())) == len(names) == len(set(digests))
    for one, name in names.items():
        assert one.hex.startswith(name)
        assert len(name) >= 12
        others = [other.hex for other in names if other != one]
        assert not any(other.startswith(name) for other in others)
        assert len(name) == 12 or any(other.startswith(name[:-1]) for other in others)


def layers_of(layers: List[Packed]) -> List[str]:
    found = plain_layers(content_of(image_of(layers)))
    return [str(layer.diff_id) for layer in found]


def test_a_layer_that_repeats_is_unpacked_once() -> None:
    """In the manifest's order; the same content packed otherwise is another layer."""
    again = unpacked(A.plain)
    wanted = [str(Digest.of(one.plain)) for one in (A, B, again)]
    assert layers_of([A, B, A, again, B]) == wanted


def content(layers: List[Packed], diff_ids: List[Digest]) -> Content:
    return content_of(image_of(layers, diff_ids=diff_ids))


def test_a_layer_with_two_diff_ids_is_wrong() -> None:
    """One blob cannot unpack to both: that is told before anything is fetched."""
    with pytest.raises(ContentError, match="wanted one diff_id for sha256:"):
        plain_layers(content([A, A], [Digest.of(A.plain), Digest.of(b"other")]))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.in-toto+json",
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/octet-stream",
    ],
)
def test_what_is_no_tar_is_said(media_type: str) -> None:
    """By the layer's type, with the form that keeps it."""
    with pytest.raises(UsageError, match="which cannot be unpacked; --format oci keeps it"):
        layers_of([A, B._replace(media_type=media_type)])
    assert not is_tar(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "",
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    ],
)
def test_every_kind_of_tar_is_one(media_type: str) -> None:
    """OCI's and Docker's types; of one without a type its bytes will say it."""
    assert is_tar(media_type)


def test_an_artifact_is_no_image() -> None:
    """A chart has no layers to unpack."""
    chart = retyped(image_of([A]), "application/vnd.cncf.helm.config.v1+json")
    with pytest.raises(UsageError, match="is no container image"):
        plain_layers(content_of(chart))


def test_a_layer_that_is_the_config_is_refused() -> None:
    """It is fetched as a document, and is no tar."""
    promised = image_of([A, A], diff_ids=[Digest.of(A.plain), Digest.of(A.plain)])
    manifest = promised.manifest.replace(json.dumps(promised.layers[0].to_json()).encode(), b"LAYER", 1)
    entry = json.dumps(replace(promised.config, media_type=TAR).to_json()).encode()
    broken = replace(promised, manifest=manifest.replace(b"LAYER", entry))
    with pytest.raises(UsageError, match="cannot be unpacked"):
        plain_layers(content_of(broken))
