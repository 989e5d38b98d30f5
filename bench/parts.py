"""Parts: the scenarios by their keys, with the images and servers that each needs."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List

from authority import make_authority
from blob_tools import DD_FLOORS
from compare import Bench
from image import BenchImage, make, uneven
from registries import docker_registry, own_registry, push
from result import Result
from scenarios import capped, far, lan, resume, several, small, tiny

RATE, CONNECTIONS = 4e6, 16
ROUND_TRIP, FAR_RATE = 0.1, 50e6
RATES = (80e6, 20e6)

Part = Callable[[Bench, int], Iterator[Result]]
"""From a bench and the bytes that stand for a megabyte of the full size."""


def _start_up(bench: Bench, million: int) -> Iterator[Result]:
    return small(bench, _image(bench, [million, million]))


def _many(bench: Bench, million: int) -> Iterator[Result]:
    return _lan(bench, _image(bench, uneven(1280 * million, 31)))


def _one(bench: Bench, million: int) -> Iterator[Result]:
    return _lan(bench, _image(bench, [1200 * million]))


def _capped(bench: Bench, million: int) -> Iterator[Result]:
    return capped(bench, _image(bench, [512 * million]), RATE, CONNECTIONS)


def _far(bench: Bench, million: int) -> Iterator[Result]:
    return far(bench, _image(bench, [256 * million]), ROUND_TRIP, FAR_RATE)


def _tiny(bench: Bench, million: int) -> Iterator[Result]:
    """A hundred layers; fewer at a scale that is for trying the harness: round trips cost the same at any scale."""
    count = min(100, max(20, million // 500))
    return tiny(bench, _image(bench, [1000] * count), ROUND_TRIP, CONNECTIONS)


def _several(bench: Bench, million: int) -> Iterator[Result]:
    return several(bench, _image(bench, [1000 * million]), RATES)


def _resume(bench: Bench, million: int) -> Iterator[Result]:
    return resume(bench, _image(bench, [512 * million]), RATE, CONNECTIONS)


PARTS: Dict[str, Part] = {
    "startup": _start_up,
    "lan": _many,
    "onelayer": _one,
    "capped": _capped,
    "far": _far,
    "tiny": _tiny,
    "mirrors": _several,
    "resume": _resume,
}


def _image(bench: Bench, sizes: List[int]) -> BenchImage:
    bench.say(f"{bench.part}: making its image")
    return make(bench.folder / bench.part, f"bench/{bench.part}", sizes)


def _lan(bench: Bench, image: BenchImage) -> Iterator[Result]:
    """From one store, over plain HTTP and then over TLS."""
    name = f"{image.size / 1e9:.2f} GB in {image.layers_in_words}"
    own = bench.folder / f"{bench.part}-registry"
    own.mkdir()
    authority = make_authority(own / "authority")
    with docker_registry(own / "plain", own / "data") as door:
        if door is None:
            with own_registry(image) as other:
                words = f"{name}, from dockferry's own registry (docker-registry is not installed)"
                yield from lan(bench, words, other, image, DD_FLOORS)
            yield Result(bench.part, f"{name}, over TLS", "all", missing="docker-registry is not installed")
            return
        push(door.host, image)
        yield from lan(bench, name, door, image, DD_FLOORS)
    with docker_registry(own / "tls", own / "data", authority) as door:
        assert door is not None
        yield from lan(bench, f"{name}, over TLS", door, image, ())
