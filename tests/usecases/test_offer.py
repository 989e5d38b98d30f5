"""What a registry offers under a name, before anything is chosen."""

from __future__ import annotations

from typing import List

import pytest
from support.images import MadeImage, make_image, make_index
from support.served import store_of, store_of_index

from dockferry.errors import NotFoundError
from dockferry.oci.platform import Platform
from dockferry.serve import Served, serve
from dockferry.usecases.offer import Offer, offered

HOST = Platform.of_host()


def image(architecture: str, docker: bool = False) -> MadeImage:
    return make_image([1000], seed=len(architecture), architecture=architecture, docker=docker)


@pytest.mark.parametrize("docker", [True, False])
def test_an_index_lists_its_platforms(docker: bool) -> None:
    """In its order, attestations left out, this machine's own known; one request."""
    names = ("s390x", HOST.architecture, "riscv64")
    asked: List[Served] = []
    index = make_index({name: image(name, docker) for name in names})
    with serve(store_of_index(index), on_request=asked.append) as server:
        found = offered(f"{server.host}/demo/app:1.0")
    assert found == Offer(("linux/s390x", str(HOST), "linux/riscv64"), str(HOST))
    assert len(asked) == 1


def test_a_machine_may_run_none() -> None:
    """Then none is its own, and all are listed all the same."""
    with serve(store_of_index(make_index({"s390x": image("s390x"), "mips64le": image("mips64le")}))) as server:
        found = offered(f"{server.host}/demo/app:1.0")
    assert found == Offer(("linux/s390x", "linux/mips64le"), None)


@pytest.mark.parametrize("architecture", ["s390x", HOST.architecture])
def test_an_image_without_an_index_offers_one(architecture: str) -> None:
    """The platform that its config says."""
    with serve(store_of(image(architecture))) as server:
        found = offered(f"{server.host}/demo/app:1.0")
    platform = str(Platform.parse(f"linux/{architecture}"))
    assert found == Offer((platform,), platform if platform == str(HOST) else None)


def test_the_mirrors_are_asked_as_a_pull_asks_them() -> None:
    """And a name that is nowhere is told."""
    with serve(store_of(image("s390x"))) as server:
        assert offered("registry.example/demo/app:1.0", mirrors=[server.host]).platforms == ("linux/s390x",)
        with pytest.raises(NotFoundError):
            offered("registry.example/demo/app:2.0", mirrors=[server.host])
