"""From a request's target to a route, or a refusal."""

from __future__ import annotations

import pytest

from dockferry.oci.digest import Digest
from dockferry.serve.routes import BlobRoute, ManifestRoute, Ping, Refusal, TagsRoute, parse_target

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/v2/", Ping()),
        ("/v2", Ping()),
        ("/v2/app/manifests/latest", ManifestRoute("app", "latest")),
        ("/v2/a/b/c/manifests/1.0?ns=docker.io", ManifestRoute("a/b/c", "1.0")),
        (f"/v2/manifests/manifests/{DIGEST}", ManifestRoute("manifests", DIGEST)),
        (f"/v2/blobs/blobs/blobs/{DIGEST}", BlobRoute("blobs/blobs", Digest.parse(DIGEST))),
        ("/v2/tags/tags/list", TagsRoute("tags", None, "")),
        ("/v2/app/tags/list?n=2&last=1.0&ns=x", TagsRoute("app", 2, "1.0")),
    ],
)
def test_targets_of_the_spec(target: str, route: object) -> None:
    """What the distribution spec names is understood, whatever words a repository's name has."""
    assert parse_target(target) == route


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/", 404, "UNSUPPORTED"),
        ("/v1/app/manifests/1", 404, "UNSUPPORTED"),
        ("/v2/_catalog", 404, "UNSUPPORTED"),
        ("/v2/app/", 404, "UNSUPPORTED"),
        ("/v2/app/tags/", 404, "UNSUPPORTED"),
        (f"/v2/app/referrers/{DIGEST}", 404, "UNSUPPORTED"),
        ("/v2/app/blobs/uploads/", 404, "UNSUPPORTED"),
        ("http://other.example/v2/app/manifests/1", 404, "UNSUPPORTED"),
        ("/v2/../../etc/passwd/manifests/1", 400, "NAME_INVALID"),
        ("/v2/./manifests/1", 400, "NAME_INVALID"),
        ("/v2//manifests/1", 400, "NAME_INVALID"),
        ("/v2/manifests/1", 400, "NAME_INVALID"),
        ("/v2/App/manifests/1", 400, "NAME_INVALID"),
        ("/v2/a%2fb/manifests/1", 400, "NAME_INVALID"),
        ("/v2/a\\b/manifests/1", 400, "NAME_INVALID"),
        ("/v2/" + "a" * 256 + "/manifests/1", 400, "NAME_INVALID"),
        ("/v2/app/manifests/..", 400, "MANIFEST_INVALID"),
        ("/v2/app/manifests/", 400, "MANIFEST_INVALID"),
        ("/v2/app/manifests/" + "a" * 129, 400, "MANIFEST_INVALID"),
        ("/v2/app/manifests/sha256:..", 400, "DIGEST_INVALID"),
        ("/v2/app/blobs/latest", 400, "DIGEST_INVALID"),
        ("/v2/app/blobs/" + DIGEST.upper(), 400, "DIGEST_INVALID"),
        ("/v2/app/blobs/sha256:" + "é" * 64, 400, "DIGEST_INVALID"),
        ("/v2/app/tags/list?n=-1", 400, "PAGINATION_NUMBER_INVALID"),
        ("/v2/app/tags/list?n=x", 400, "PAGINATION_NUMBER_INVALID"),
        ("/v2/app/tags/list?n=9999999999", 400, "PAGINATION_NUMBER_INVALID"),
        ("/v2/app/tags/list?last=a%0d%0aX:%20y", 400, "MANIFEST_INVALID"),
        ("/v2/app/tags/list?" + "a=b&" * 20, 400, "UNSUPPORTED"),
        ("/v2/" + "a/" * 2000, 414, "UNSUPPORTED"),
    ],
)
def test_everything_else_is_refused(target: str, status: int, code: str) -> None:
    """A target outside the grammar is refused before anything is looked up, with the spec's error code."""
    with pytest.raises(Refusal) as refused:
        parse_target(target)
    assert (refused.value.status, refused.value.code) == (status, code)
