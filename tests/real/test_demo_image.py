"""The demonstration keeps its word: the engines it names run its image."""

from __future__ import annotations

import pytest
from support.command import Command
from support.engines import Engine

from dockferry.demo.image import MESSAGE, add_demo_image
from dockferry.serve import ImageStore, serve

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", ["docker", "podman", "containerd"])
def test_the_demos_image_runs(name: str, request: pytest.FixtureRequest, dockferry: Command) -> None:
    """Pulled from the program's own registry, the demo's image greets in every engine that the demo names."""
    engine: Engine = request.getfixturevalue(name)
    store = ImageStore()
    add_demo_image(store, "demo/app", "1.0", 200_000)
    with serve(store) as running:
        reference = f"{running.host}/demo/app:1.0"
        archive = dockferry.pull(reference)
    engine.load(archive)
    assert engine.run(reference) == MESSAGE.decode()
    engine.remove(reference)
