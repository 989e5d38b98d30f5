"""Where a registry is, how it is spoken to, and through which proxy."""

from __future__ import annotations

import pytest

from dockferry.errors import UsageError
from dockferry.oci.digest import Digest
from dockferry.registry.access import Access
from dockferry.registry.endpoint import Endpoint
from dockferry.registry.proxies import proxy_for

PLAIN = Access()


@pytest.mark.parametrize(
    ("registry", "access", "origin"),
    [
        ("docker.io", PLAIN, "https://registry-1.docker.io"),
        ("ghcr.io", PLAIN, "https://ghcr.io"),
        ("r.example:5000", PLAIN, "https://r.example:5000"),
        ("r.example:5000", Access(plain_http=True), "http://r.example:5000"),
        ("r.example", Access(insecure=True), "https://r.example"),
        ("localhost:5000", PLAIN, "http://localhost:5000"),
        ("127.0.0.1", PLAIN, "http://127.0.0.1"),
        ("[::1]:5000", PLAIN, "http://[::1]:5000"),
        ("127.0.0.1:443", PLAIN, "https://127.0.0.1"),
        ("127.0.0.1:5000", Access(ca_cert="ca.pem"), "https://127.0.0.1:5000"),
        ("127.0.0.1:5000", Access(insecure=True), "https://127.0.0.1:5000"),
        ("10.0.0.5:5000", PLAIN, "https://10.0.0.5:5000"),
        ("localhost.example", PLAIN, "https://localhost.example"),
    ],
)
def test_of_registry(registry: str, access: Access, origin: str) -> None:
    """HTTP is spoken on this machine, or where the user says so, and TLS everywhere else."""
    assert Endpoint.of_registry(registry, access).origin == origin


@pytest.mark.parametrize(
    ("mirror", "origin", "path", "name"),
    [
        ("m.example", "https://m.example", "library/nginx", "m.example"),
        ("M.Example:443/", "https://m.example", "library/nginx", "m.example"),
        ("m.example/docker.io", "https://m.example", "docker.io/library/nginx", "m.example/docker.io"),
        ("https://m.example/a/b/", "https://m.example", "a/b/library/nginx", "m.example/a/b"),
        ("http://m.example:80", "http://m.example", "library/nginx", "m.example"),
        ("HTTP://m.example:8080", "http://m.example:8080", "library/nginx", "m.example:8080"),
        ("127.0.0.1:5000/p", "http://127.0.0.1:5000", "p/library/nginx", "127.0.0.1:5000/p"),
        ("https://127.0.0.1:5000", "https://127.0.0.1:5000", "library/nginx", "127.0.0.1:5000"),
        ("[::1]:5000", "http://[::1]:5000", "library/nginx", "[::1]:5000"),
        ("docker.io", "https://registry-1.docker.io", "library/nginx", "registry-1.docker.io"),
    ],
)
def test_of_mirror(mirror: str, origin: str, path: str, name: str) -> None:
    """HOST, HOST:PORT, HOST/PREFIX, and URLs."""
    endpoint = Endpoint.of_mirror(mirror, PLAIN)
    assert (endpoint.origin, endpoint.path("library/nginx"), endpoint.name) == (origin, path, name)


@pytest.mark.rule(13)
def test_an_https_mirror_stays_https() -> None:
    """--plain-http is about registries without a scheme."""
    assert Endpoint.of_mirror("https://m.example", Access(plain_http=True)).scheme == "https"


@pytest.mark.parametrize(
    "mirror",
    ["", "https://", "ftp://m.example", "m example", "m.example/UP", "m.example/../x", "m.example:0", "m.example?x=1",
     "m.example/a?x", "u:pw@m.example", "https://u:pw@m.example", "ftp://u:pw@m", "u:pw@https://m",
     "m.example/a#b", "[::1", "[::1]x"],
)  # fmt: skip
def test_a_bad_mirror_is_said_so(mirror: str) -> None:
    """And no secret in it is repeated."""
    with pytest.raises(UsageError) as caught:
        Endpoint.of_mirror(mirror, PLAIN)
    assert "pw" not in str(caught.value)


def test_urls() -> None:
    """OCI distribution spec, end-2, end-3, end-8b."""
    endpoint = Endpoint.of_mirror("m.example:5000/hub", PLAIN)
    digest = Digest.of(b"")
    assert endpoint.base_url() == "https://m.example:5000/v2/"
    assert endpoint.manifest_url("a/b", "1.0") == "https://m.example:5000/v2/hub/a/b/manifests/1.0"
    assert endpoint.blob_url("a/b", digest) == f"https://m.example:5000/v2/hub/a/b/blobs/{digest}"
    assert endpoint.tags_url("a/b", 100) == "https://m.example:5000/v2/hub/a/b/tags/list?n=100"


@pytest.mark.rule(12)
def test_access_keeps_secrets_out_of_repr() -> None:
    """A value that is logged by mistake tells nothing."""
    access = Access(username="me", password="canary-1", proxy="http://me:canary-2@p.example")
    assert "canary" not in repr(access)


URL = "https://r.example/v2/"


@pytest.mark.parametrize(
    ("url", "explicit", "environment", "found"),
    [
        (URL, None, {}, None),
        (URL, None, {"https_proxy": "http://p:1"}, "http://p:1"),
        (URL, None, {"HTTPS_PROXY": "p:1"}, "http://p:1"),
        (URL, None, {"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "http://low:1"),
        (URL, None, {"http_proxy": "http://p:1"}, None),
        (URL, None, {"ALL_PROXY": "socks5h://p:1"}, "socks5h://p:1"),
        ("http://r.example/", None, {"HTTP_PROXY": "http://p:1"}, "http://p:1"),
        ("http://r.example/", None, {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, None),
        ("http://127.0.0.1:5000/", None, {"http_proxy": "http://p:1"}, None),
        ("http://127.0.0.1:5000/", "http://p:1", {}, "http://p:1"),
        (URL, "", {"https_proxy": "http://p:1"}, None),
        (URL, "http://p:1", {"https_proxy": "http://q:1"}, "http://p:1"),
        (URL, "http://p:1", {"no_proxy": "r.example"}, None),
        (URL, "http://p:1", {"NO_PROXY": "a.example, .example"}, None),
        (URL, "http://p:1", {"no_proxy": "*"}, None),
        (URL, "http://p:1", {"no_proxy": "*.example"}, None),
        (URL, "http://p:1", {"no_proxy": "r.example:443"}, None),
        (URL, "http://p:1", {"no_proxy": "r.example:80,ample,xr.example"}, "http://p:1"),
        ("https://sub.r.example/", "http://p:1", {"no_proxy": "r.example"}, None),
        ("https://10.1.2.3/", "http://p:1", {"no_proxy": "10.0.0.0/8"}, None),
        ("https://10.1.2.3/", "http://p:1", {"no_proxy": "10.1.2.3"}, None),
        ("https://10.1.2.3:5000/", "http://p:1", {"no_proxy": "10.1.2.3:5000"}, None),
        ("https://11.1.2.3/", "http://p:1", {"no_proxy": "10.0.0.0/8,nonsense"}, "http://p:1"),
        ("https://[fd00::1]/", "http://p:1", {"no_proxy": "fd00::/8"}, None),
        ("https://[fd00::1]:99/", "http://p:1", {"no_proxy": "[fd00::1]:99"}, None),
    ],
)
def test_proxy_for(url: str, explicit: object, environment: dict, found: object) -> None:
    """The user's proxy before the environment's, and neither for what no_proxy lists."""
    assert proxy_for(url, explicit, environment) == found


@pytest.mark.parametrize("proxy", ["ftp://p:1", "http://", "http://p:x", "http://u:pw@p:99999", "http://p:0"])
def test_a_bad_proxy_is_said_so(proxy: str) -> None:
    """Before anything is sent, and without its password."""
    with pytest.raises(UsageError) as caught:
        proxy_for(URL, proxy, {})
    assert "pw" not in str(caught.value)
