"""Where a Location may lead."""

from __future__ import annotations

from typing import List

import pytest

from dockferry.errors import ReplyError
from dockferry.registry.addresses import is_loopback, is_private
from dockferry.registry.links import next_page
from dockferry.registry.redirects import Hop, next_hop

HOME = Hop("https://r.example/v2/a/blobs/x", is_home=True, is_public=True)
INSIDE = Hop("http://10.0.0.5:5000/v2/a/blobs/x", is_home=True, is_public=False)


@pytest.mark.parametrize(
    ("location", "url", "is_home"),
    [
        ("https://cdn.example/x?sig=1", "https://cdn.example/x?sig=1", False),
        ("/other", "https://r.example/other", True),
        ("other", "https://r.example/v2/a/blobs/other", True),
        ("//cdn.example/x", "https://cdn.example/x", False),
        ("https://r.example:443/x", "https://r.example:443/x", True),
        ("https://R.EXAMPLE/x#part", "https://R.EXAMPLE/x", True),
        ("https://r.example:8443/x", "https://r.example:8443/x", False),
    ],
)
def test_follows(location: str, url: str, is_home: bool) -> None:
    """Scheme, host and port together are home; everything else is not."""
    assert next_hop(HOME, [location], 1) == Hop(url, is_home, True)


@pytest.mark.parametrize(
    "location",
    [
        "http://r.example/x",
        "http://cdn.example/x",
        "file:///etc/passwd",
        "ftp://cdn.example/x",
        "data:text/plain,x",
        "https://user:pw@cdn.example/x",
        "https://cdn.example/x y",
        "https://cdn.example/\r\nX: y",
        "https://cdn.example/é",
        "https://cdn.example:99999/x",
        "https://[::1/x",
        "https://:443/x",
        "https://\\evil.example/x",
        "https://127.0.0.1/x",
        "https://localhost:9000/x",
        "https://10.1.2.3/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/x",
        "https://[fe80::1]/x",
        "https://[::ffff:10.0.0.1]/x",
        "https://[fd00::1]/x",
        "https://100.64.0.1/x",
        "https://0.0.0.0/x",
        "",
        "https://cdn.example/" + "x" * 20000,
    ],
)
@pytest.mark.row(24)
@pytest.mark.rule(2)
def test_refuses(location: str) -> None:
    """Nothing weaker than TLS, no other scheme, no login, no private address, nothing that is no URL."""
    with pytest.raises(ReplyError) as caught:
        next_hop(HOME, [location], 1)
    assert "r.example" in caught.value.message
    assert "pw" not in str(caught.value)


@pytest.mark.rule(2)
def test_a_private_registry_may_point_to_its_own_store() -> None:
    """Harbor with MinIO beside it; and http stays http."""
    assert next_hop(INSIDE, ["http://10.0.0.6:9000/x"], 1) == Hop("http://10.0.0.6:9000/x", False, False)


@pytest.mark.rule(2)
def test_who_has_left_home_does_not_come_back() -> None:
    """A token is not sent again, though the chain returns to the registry."""
    away = next_hop(HOME, ["https://cdn.example/x"], 1)
    back = next_hop(away, ["https://r.example/y"], 2)
    assert not back.is_home


@pytest.mark.row(24)
@pytest.mark.rule(2)
def test_hops_end() -> None:
    """Five in a row and no more."""
    hop = HOME
    for number in range(1, 6):
        hop = next_hop(hop, ["/again"], number)
    with pytest.raises(ReplyError, match="at most 5"):
        next_hop(hop, ["/again"], 6)


@pytest.mark.parametrize("locations", [[], ["/a", "/b"]])
def test_one_location(locations: List[str]) -> None:
    """None and two are both no direction."""
    with pytest.raises(ReplyError, match="one Location"):
        next_hop(HOME, locations, 1)


@pytest.mark.parametrize("host", ["198.18.0.7", "8.8.8.8", "r.example", "2606:4700::1", "[2606:4700::1]"])
def test_public(host: str) -> None:
    """Names are judged where they resolve; the addresses that tunnels make up for public names are public."""
    assert not is_private(host)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"])
def test_loopback(host: str) -> None:
    """This machine, however it is written."""
    assert is_loopback(host)
    assert is_private(host)


PAGE = "https://r.example/v2/a/tags/list?n=2"


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ('</v2/a/tags/list?n=2&last=b>; rel="next"', "https://r.example/v2/a/tags/list?n=2&last=b"),
        ("<?last=b>;rel=next", "https://r.example/v2/a/tags/list?last=b"),
        ('<https://r.example/x>; rel="prev next"; title="a"', "https://r.example/x"),
        ('</p>; rel="prev", </n>; rel="next"', "https://r.example/n"),
        ('</p>; rel="prev"', None),
        ('</p>; rel="nextish"', None),
        ("nonsense", None),
    ],
)
def test_next_page(link: str, found: object) -> None:
    """RFC 8288, in the forms that registries write."""
    assert next_page(PAGE, [link]) == found


@pytest.mark.parametrize("target", ["https://evil.example/x", "http://r.example/x", "//evil.example/x", "file:///x"])
@pytest.mark.rule(3)
def test_next_page_elsewhere_is_refused(target: str) -> None:
    """The request for the next page carries the token."""
    with pytest.raises(ReplyError):
        next_page(PAGE, [f'<{target}>; rel="next"'])
