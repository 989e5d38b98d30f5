"""Scenarios: what is measured, each giving its results."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Dict, Iterator, List, Sequence

from blob_tools import aria2c, curl_told
from compare import Bench, at, by_lot
from door import Door
from far import Links
from image import BenchImage
from image_tools import OURS, dockferry
from measure import Sample, run
from mirrors import Mirror, Mirrors
from peer import Peer, Target
from peers import ALL_OTHERS, ARCHIVERS, ARIA2C_MANY, ARIA2C_ONE, ARIA2C_SOON, FLOORS
from registries import nginx_capped, own_registry
from result import Result


def small(bench: Bench, image: BenchImage) -> Iterator[Result]:
    """Start-up: an interpreter alone, which is the floor, `--help`, and a pull of what is there already."""
    with own_registry(image) as door:
        target = Target(door.host, image, bench.fresh())
        pull = OURS.command(target)
        run(pull, target.folder)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "dockferry --help": [sys.executable, "-m", "dockferry", "--help"],
            "dockferry pull, archive there": pull,
        }
        samples: Dict[str, List[Sample]] = {name: [] for name in commands}
        for number in range(2 * bench.rounds + 1):
            for name, command in by_lot(list(commands.items()), number):
                before = door.tally() if door.tally else None
                samples[name].append(door.counted(before, run(command, target.folder)))
    bare = tuple(sample.seconds for sample in samples["python -c pass"])
    for name, found in samples.items():
        is_floor = name == "python -c pass"
        more = sorted(sample.seconds - least for sample, least in zip(found, bare))[len(found) // 2]
        said = "" if is_floor else f" (+{more * 1000:.0f} ms)"
        if name.startswith("dockferry pull"):
            blobs = max(0, max(sample.sent or 0 for sample in found) - len(image.manifest))
            said += f"; blob bytes sent: {blobs}"
        floors = () if is_floor else bare
        yield Result(bench.part, "start-up", name, tuple(found), floors=floors, is_floor=is_floor, said=said)


def lan(bench: Bench, scenario: str, door: Door, image: BenchImage, beside: Sequence[Peer]) -> Iterator[Result]:
    """The whole machine's speed, the registry and the client on the same CPUs."""
    aria = ARIA2C_MANY if image.layers > 1 else ARIA2C_ONE
    peers = [OURS, dockferry("dockferry -t 20", "-t", "20"), aria, *ALL_OTHERS]
    return bench.compare(scenario, at(door), image, peers, floors=FLOORS, beside=beside)


def capped(bench: Bench, image: BenchImage, rate: float, connections: int) -> Iterator[Result]:
    """A mirror that gives each connection so much and no more: the floor is size / (connections × rate)."""
    mine = dockferry(f"dockferry -t {connections}", "-t", str(connections))
    scenario = f"{image.size / 1e6:.0f} MB in {image.layers_in_words}, {rate / 1e6:g} MB/s each of {connections}"
    floor = image.size / (connections * rate)
    peers = [mine, ARIA2C_ONE]
    with own_registry(image, rate) as door:
        yield from bench.compare(scenario, at(door), image, peers, ours=mine, floor=floor, only_first=ARCHIVERS)
    scenario += ", by nginx's limit_rate"
    with own_registry(image) as behind, nginx_capped(behind, rate, bench.folder / "nginx") as front:
        if front is None:
            yield Result(bench.part, scenario, mine.name, missing="nginx is not installed")
        else:
            yield from bench.compare(scenario, at(front), image, peers, ours=mine, floor=floor)


def several(bench: Bench, image: BenchImage, rates: Sequence[float]) -> Iterator[Result]:
    """Mirrors that each give so much in all; then one more, as fast as the first, that soon falls silent for ever.

    The floor is what is left to the others, over the sum of their rates.
    """
    size = f"{image.size / 1e9:.2f} GB in {image.layers_in_words}"
    words = f"{size} from mirrors of {' and '.join(f'{rate / 1e6:g}' for rate in rates)} MB/s in all"
    honest = [Mirror(rate) for rate in rates]
    mirrors = Mirrors(image, honest)
    peers = [OURS, ARIA2C_ONE, curl_told(rates)]
    floor = image.size / sum(rates)
    yield from bench.compare(words, mirrors.serving, image, peers, said=mirrors.said, floor=floor)
    for peer in ALL_OTHERS:
        yield Result(bench.part, words, peer.name, missing="takes one source, not several at once")
    silent_after = image.size // 100
    words += f", and one that falls silent after {silent_after / 1e6:.3g} MB"
    mirrors = Mirrors(image, [*honest, Mirror(rates[0], silent_after)])
    floor = (image.size - silent_after) / sum(rates)
    peers = [OURS, ARIA2C_SOON]
    yield from bench.compare(words, mirrors.serving, image, peers, said=mirrors.said, floor=floor)


def far(bench: Bench, image: BenchImage, round_trip: float, rate: float) -> Iterator[Result]:
    """A registry that is far away. The floor: three round trips (connection, manifest, blob), and size / rate."""
    size = f"{image.size / 1e6:.3g} MB in {image.layers_in_words}"
    words = f"{size}, {round_trip * 1000:.0f} ms and {rate / 1e6:g} MB/s away"
    floor = 3 * round_trip + image.size / rate
    peers = [OURS, ARIA2C_ONE, *ARCHIVERS]
    with own_registry(image) as door:
        links = Links(door, round_trip, rate)
        yield from bench.compare(words, links.serving, image, peers, said=links.said, floor=floor)


def tiny(bench: Bench, image: BenchImage, round_trip: float, connections: int) -> Iterator[Result]:
    """Many small layers, far away: what costs is the round trips. The floor: connection, manifest, and for each
    connection its own and its part of the layers.
    """
    mine = dockferry(f"dockferry -t {connections}", "-t", str(connections))
    aria = aria2c(f"aria2c -j{connections}", f"-j{connections}", "-x1", "-s1")
    words = f"{image.layers_in_words} of {image.size / image.layers / 1e3:.3g} kB, {round_trip * 1000:.0f} ms away"
    floor = (3 + -(-image.layers // connections)) * round_trip
    with own_registry(image) as door:
        links = Links(door, round_trip, 1e8)
        serving, said = links.serving, links.said
        yield from bench.compare(
            words, serving, image, [mine, aria], said=said, ours=mine, floor=floor, only_first=ARCHIVERS
        )


def resume(bench: Bench, image: BenchImage, rate: float, connections: int) -> Iterator[Result]:
    """SIGKILL when the server has sent half, then the same again; the samples are those of the second runs.

    The floor is the half that is left. Ours, and aria2c with its own way to go on, which notes each second how far it
    is: by itself each minute.
    """
    many = str(connections)
    mine = dockferry(f"dockferry -t {many}", "-t", many)
    noting = ["-c", f"-x{many}", f"-s{many}", "-k1M", "--auto-save-interval=1"]
    aria = aria2c(f"aria2c -c -x{many} -s{many} --auto-save-interval=1", "-j2", *noting)
    twice: Dict[str, List[float]] = {}

    def take(peer: Peer, door: Door) -> Sample:
        target = Target(door.host, image, bench.fresh())
        bench.again(peer, target, door, kill_when=lambda: _sent(door) >= image.size / 2)
        sample = bench.again(peer, target, door)
        twice.setdefault(peer.name, []).append(_sent(door) / image.size - 1)
        return sample

    def said(tool: str) -> str:
        found = sorted(twice[tool])
        return f": {found[len(found) // 2]:.1%} fetched twice ({found[0]:.1%}–{found[-1]:.1%})"

    yield from bench.compare(
        "SIGKILL at half, again",
        lambda tool: own_registry(image, rate),
        image,
        [replace(peer, counts=False) for peer in (mine, aria)],
        take=take,
        said=said,
        ours=mine,
        floor=image.size / 2 / (connections * rate),
    )


def _sent(door: Door) -> int:
    return door.tally().sent if door.tally else 0
