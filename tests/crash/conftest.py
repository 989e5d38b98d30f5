"""Fixtures of the sweeps: a registry that has the image, and what an undisturbed pull of it leaves."""

from __future__ import annotations

from typing import Dict, Iterator

import pytest
from support.served import store_of
from support.sweeps import FORMATS, IMAGE, again, contents

from dockferry.serve import Running, serve


@pytest.fixture(scope="session")
def image_registry() -> Iterator[Running]:
    with serve(store_of(IMAGE)) as running:
        yield running


@pytest.fixture(scope="session")
def wanted(image_registry: Running, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Dict[str, bytes]]:
    """What an undisturbed pull leaves, for each format."""
    found = {}
    for format in FORMATS:
        place = tmp_path_factory.mktemp(format)
        again(image_registry, place, format, [])
        found[format] = contents(place)
    return found
