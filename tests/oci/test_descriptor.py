"""Descriptors: type, digest and size of a blob, well-formed or refused with the document's name."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockferry.errors import ContentError
from dockferry.oci.descriptor import MAX_BLOB, OCI_INDEX, OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest
from dockferry.oci.platform import Platform

DIGEST = Digest.of(b"blob")
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
GOOD: Dict[str, Any] = {"mediaType": LAYER, "digest": str(DIGEST), "size": 4}


def test_good() -> None:
    """The three fields are read, unknown ones passed over, null ones taken as absent."""
    value = {**GOOD, "platform": None, "annotations": None, "urls": ["https://h/"], "data": "YmxvYg=="}
    assert Descriptor.from_json(value, "x") == Descriptor(LAYER, DIGEST, 4)


def test_written_and_read_again() -> None:
    """What is written is the spec's form, and reads as the same value."""
    platform = Platform("linux", "arm", "v7")
    whole = Descriptor(OCI_MANIFEST, DIGEST, 4, platform, (("a", "b"), ("c", "")))
    assert list(whole.to_json()) == ["mediaType", "digest", "size", "platform", "annotations"]
    assert Descriptor.from_json(whole.to_json(), "x") == whole
    assert Descriptor(LAYER, DIGEST, 0).to_json() == {"mediaType": LAYER, "digest": str(DIGEST), "size": 0}


@pytest.mark.parametrize(
    "change",
    [
        {"size": None},
        {"size": -1},
        {"size": -0.0},
        {"size": 4.0},
        {"size": 1e3},
        {"size": True},
        {"size": "4"},
        {"size": [4]},
        {"size": MAX_BLOB + 1},
        {"size": 2**63},
        {"digest": None},
        {"digest": ""},
        {"digest": "sha256:../../../etc/passwd"},
        {"digest": str(DIGEST).upper()},
        {"digest": str(DIGEST) + "\n"},
        {"digest": [str(DIGEST)]},
        {"mediaType": None},
        {"mediaType": 7},
        {"mediaType": "a" * 256},
        {"mediaType": "application/x\r\nX-Evil: 1"},
        {"mediaType": "application/\u202ex"},
        {"mediaType": "application/\ud800"},
        {"platform": "linux/amd64"},
        {"platform": []},
        {"platform": {"os": 1}},
        {"platform": {"os": "linux", "architecture": "../x"}},
        {"annotations": []},
        {"annotations": "text"},
        {"annotations": {"a": 1}},
        {"annotations": {"a": None}},
        {"annotations": {"a": {"b": "c"}}},
        {"Size": 5},
        {"SIZE": 4},
        {"Digest": str(Digest.of(b"other"))},
        {"mediatype": OCI_INDEX},
        {"\u017fize": 5},
    ],
)
def test_bad(change: Dict[str, Any]) -> None:
    """One wrong field, or one that only differs in case from a field, and the document is refused by name."""
    with pytest.raises(ContentError, match=r"^app:1: layers\[2\]: ") as caught:
        Descriptor.from_json({**GOOD, **change}, "app:1: layers[2]")
    assert len(str(caught.value)) < 300
    assert all(char.isprintable() for char in str(caught.value))


@pytest.mark.parametrize("value", [None, [], "x", 7, True, [GOOD]])
def test_no_object(value: object) -> None:
    """What is no object at all is refused the same way."""
    with pytest.raises(ContentError, match=r"^x: wanted a descriptor"):
        Descriptor.from_json(value, "x")


def test_attestations() -> None:
    """BuildKit's attestations are told by their annotation or their unknown platform."""
    marked = (("vnd.docker.reference.type", "attestation-manifest"),)
    assert Descriptor(OCI_MANIFEST, DIGEST, 1, None, marked).is_attestation
    assert Descriptor(OCI_MANIFEST, DIGEST, 1, Platform("unknown", "unknown")).is_attestation
    assert not Descriptor(OCI_MANIFEST, DIGEST, 1, Platform("linux", "unknown")).is_attestation
    assert not Descriptor(OCI_MANIFEST, DIGEST, 1).is_attestation


KEYS = st.sampled_from(["mediaType", "digest", "size", "platform", "annotations", "Size", "urls"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.just(str(DIGEST))
    | st.just(LAYER),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(JSON | st.dictionaries(KEYS, JSON) | st.dictionaries(KEYS, JSON).map(lambda change: {**GOOD, **change}))
def test_fuzz(value: object) -> None:
    """Any JSON value is a descriptor that is written and read as the same, or ContentError."""
    try:
        found = Descriptor.from_json(value, "x")
    except ContentError:
        return
    assert 0 <= found.size <= MAX_BLOB
    assert Descriptor.from_json(found.to_json(), "x") == found
