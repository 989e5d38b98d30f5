"""The guard: which Host and Origin headers a server of ours answers."""

from __future__ import annotations

from typing import Sequence

import pytest

from dockferry.serve.guard import Place, check
from dockferry.serve.routes import Refusal

HERE = Place("127.0.0.1", 5000)
EVERYWHERE = Place("0.0.0.0", 5000)
OWN = "http://localhost:5000"


def refused(place: Place, hosts: Sequence[str], origins: Sequence[str] = ()) -> int:
    """The status of the refusal, 0 where there is none."""
    try:
        check(place, hosts, origins)
    except Refusal as refusal:
        return refusal.status
    return 0


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:5000",
        "LocalHost:6000",
        "127.0.0.1:5000",
        "127.255.0.9:5000",
        "[::1]:5000",
        " 127.0.0.1:5000 ",
    ],
)
@pytest.mark.parametrize("place", [HERE, Place("::1", 5000), Place("127.0.0.2", 5000)])
def test_loopback_names_pass(place: Place, host: str) -> None:
    """On loopback every loopback name is the server's own; its port may be that of a tunnel or a proxy."""
    assert refused(place, [host]) == 0


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:5000",
        "evil.example",
        "localhost.evil.example:5000",
        "127.0.0.1.evil.example:5000",
        "evil.localhost:5000",
        "10.0.0.1:5000",
        "0.0.0.0:5000",
        "[::2]:5000",
        "127.1:5000",
        "2130706433:5000",
    ],
)
@pytest.mark.row(59)
@pytest.mark.rule(14)
def test_foreign_hosts_are_refused(host: str) -> None:
    """On loopback another name is that of a page whose DNS leads here: 421."""
    assert refused(HERE, [host]) == 421
    assert refused(HERE, [host], [f"http://{host}"]) == 421


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["localhost:5000", "localhost:5000"],
        [""],
        ["a@localhost:5000"],
        ["localhost:5000/"],
        ["localhost:x"],
        ["local host:5000"],
        ["localhost:5000, evil.example"],
        ["http://localhost:5000"],
        ["::1:5000"],
        ["localhost:500000"],
    ],
)
@pytest.mark.parametrize("place", [HERE, EVERYWHERE])
@pytest.mark.rule(14)
def test_hosts_that_cannot_be_read(place: Place, hosts: Sequence[str]) -> None:
    """None, several, or one that is no name and port: 400, wherever the server listens."""
    assert refused(place, hosts) == 400


def test_before_http_11_there_may_be_no_host() -> None:
    """An old client need not send one; no browser is one."""
    check(HERE, [], [], is_host_optional=True)
    with pytest.raises(Refusal) as caught:
        check(HERE, ["evil.example"], [], is_host_optional=True)
    assert caught.value.status == 421


@pytest.mark.parametrize(
    "origins",
    [
        ["http://evil.example"],
        ["null"],
        [""],
        ["http://localhost:3000"],
        ["http://localhost"],
        ["http://127.0.0.1:5000"],
        ["file://localhost:5000"],
        ["http://localhost:5000.evil.example"],
        ["http://localhost:5000/"],
        [OWN, "http://evil.example"],
    ],
)
@pytest.mark.parametrize("place", [HERE, EVERYWHERE])
@pytest.mark.row(59)
@pytest.mark.rule(14)
def test_foreign_origins_are_refused(place: Place, origins: Sequence[str]) -> None:
    """A page of another scheme, name or port, also of this machine: 403, wherever the server listens."""
    assert refused(place, ["localhost:5000"], origins) == 403


@pytest.mark.parametrize("origin", [OWN, "HTTP://LOCALHOST:5000", "https://localhost:5000"])
def test_its_own_origin_passes(origin: str) -> None:
    """A page of the server's own, also through something that adds TLS."""
    assert refused(HERE, ["localhost:5000"], [origin]) == 0


@pytest.mark.parametrize("host", ["registry.example", "registry.example:5000", "10.0.0.1:5000", "[::1]"])
def test_elsewhere_any_name_passes(host: str) -> None:
    """Other machines call it by names that it does not know."""
    assert refused(EVERYWHERE, [host]) == 0
    assert refused(Place("fe80::1%eth0", 5000), [host], [f"http://{host}"]) == 0
