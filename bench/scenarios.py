"""Scenarios: what is measured, each giving the rows of its part of the table."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterator, List, Optional, Sequence

from far import Links
from image import BenchImage
from measure import Failed, Sample, median, run
from mirrors import Mirror, Mirrors
from peers import (
    ARIA2C_MANY,
    ARIA2C_ONE,
    ARIA2C_SOON,
    FLOORS,
    OURS,
    SINGLE_STREAMS,
    Peer,
    aria2c,
    curl_told,
    dockferry,
)
from registries import nginx_capped, own_registry
from report import Row, absent, row

Say = Callable[[str], None]
Serving = Callable[[str], ContextManager[str]]
"""For one run of the tool of this name: `host`, as peers take it."""


class Bench:
    """`folder` is scratch, `rounds` how often each tool runs, `say` tells what is going on."""

    def __init__(self, folder: Path, rounds: int, say: Say) -> None:
        self.folder = folder
        self.rounds = rounds
        self.say = say

    def compare(
        self,
        scenario: str,
        serving: Serving,
        image: BenchImage,
        peers: Sequence[Peer],
        *,
        label: Callable[[str], str] = str,
        ours: Peer = OURS,
        floors: Sequence[Peer] = (),
        floor: Optional[float] = None,
        once: Sequence[Peer] = (),
    ) -> Iterator[Row]:
        """All `peers` and `floors` in turn, round after round, those of `once` in the first only.

        The floor is given, in seconds, or is the larger of what the `floors` take in the same round. `label` is what
        a row calls the tool of that name.
        """
        samples: Dict[str, List[Sample]] = {}
        why: Dict[str, str] = {}
        everyone = [*floors, *peers, *once]
        for peer in everyone:
            if peer.missing:
                why[peer.name] = peer.missing
        for number in range(self.rounds):
            for peer in _rotated([peer for peer in everyone if number == 0 or peer not in once], number):
                if peer.name in why:
                    continue
                self.say(f"{scenario}: round {number + 1} of {self.rounds}: {peer.name}")
                try:
                    with serving(peer.name) as host:
                        samples.setdefault(peer.name, []).append(self._once(peer, host, image))
                except Failed as error:
                    why[peer.name] = str(error)
        bounds = [floor] * self.rounds if floor else _larger(samples, floors, self.rounds)
        for peer in everyone:
            if peer.name in why:
                yield absent(scenario, peer.name, why[peer.name])
                continue
            found = samples[peer.name]
            is_floor = peer in floors
            yield row(
                scenario,
                label(peer.name),
                found,
                size=0 if is_floor else image.size,
                to_floor=None if is_floor else _ratio(found, bounds),
                to_ours=None if is_floor else _ratio(found, [one.seconds for one in samples.get(ours.name, [])]),
                counts=peer.counts and not is_floor,
            )

    def resume(self, image: BenchImage, rate: float, peers: Sequence[Peer]) -> Iterator[Row]:
        """SIGKILL when the server has sent half, then the same again: what the server sent both times, in all."""
        for peer in peers:
            if peer.missing:
                yield absent("SIGKILL at half, again", peer.name, peer.missing)
                continue
            second: List[Sample] = []
            twice: List[float] = []
            for number in range(self.rounds):
                self.say(f"resume: round {number + 1} of {self.rounds}: {peer.name}")
                folder = self._fresh()
                with own_registry(image, rate) as running:
                    command = peer.command(running.host, image, folder)
                    run(command, folder, kill_when=lambda: running.sent >= image.size / 2)
                    second.append(run(command, folder))
                    twice.append(running.sent / image.size - 1)
            label = f"{peer.name}: {median(twice):.1%} fetched twice ({min(twice):.1%}–{max(twice):.1%})"
            yield row("SIGKILL at half, again", label, second, size=image.size, counts=False)

    def small(self, image: BenchImage) -> Iterator[Row]:
        """Start-up: an interpreter alone, `--help`, and a pull of what is there already."""
        folder = self._fresh()
        with own_registry(image) as running:
            pull = OURS.command(running.host, image, folder)
            run(pull, folder)
            before = running.sent
            commands = {
                "python -c pass": [sys.executable, "-c", "pass"],
                "dockferry --help": [sys.executable, "-m", "dockferry", "--help"],
                "dockferry pull, archive there": pull,
            }
            samples: Dict[str, List[Sample]] = {name: [] for name in commands}
            for _ in range(2 * self.rounds + 1):
                for name, command in commands.items():
                    samples[name].append(run(command, folder))
            blobs = running.sent - before - len(samples["python -c pass"]) * len(image.manifest)
        bare = [sample.seconds for sample in samples["python -c pass"]]
        for name, found in samples.items():
            more = median([sample.seconds - least for sample, least in zip(found, bare)]) or 0.0
            extra = f" (+{more * 1000:.0f} ms)" if found is not samples["python -c pass"] else ""
            if name.startswith("dockferry pull"):
                extra += f"; blob bytes sent: {max(0, blobs)}"
            yield row("start-up", name + extra, found)

    def _once(self, peer: Peer, host: str, image: BenchImage) -> Sample:
        folder = self._fresh()
        sample = run(peer.command(host, image, folder), folder)
        if peer.after is not None:
            run(peer.after(host, image, folder), folder)
        return sample

    def _fresh(self) -> Path:
        folder = self.folder / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def lan(bench: Bench, scenario: str, host: str, image: BenchImage) -> Iterator[Row]:
    """The whole machine's speed, the registry and the client on the same CPUs."""
    aria = ARIA2C_MANY if image.layers > 1 else ARIA2C_ONE
    peers = [OURS, dockferry("dockferry -t 20", "-t", "20"), aria, *SINGLE_STREAMS]
    return bench.compare(scenario, at(host), image, peers, floors=FLOORS)


def capped(bench: Bench, image: BenchImage, rate: float, connections: int) -> Iterator[Row]:
    """A mirror that gives each connection so much and no more: the floor is size / (connections × rate)."""
    mine = dockferry(f"dockferry -t {connections}", "-t", str(connections))
    scenario = f"{image.size / 1e6:.0f} MB in {image.layers_in_words}, {rate / 1e6:g} MB/s each of {connections}"
    floor = image.size / (connections * rate)
    with own_registry(image, rate) as running:
        yield from bench.compare(
            scenario, at(running.host), image, [mine, ARIA2C_ONE], ours=mine, floor=floor, once=SINGLE_STREAMS[:2]
        )
    scenario += ", by nginx's limit_rate"
    with own_registry(image) as running, nginx_capped(running.host, rate, bench.folder / "nginx") as host:
        if host is None:
            yield absent(scenario, mine.name, "nginx is not installed")
        else:
            yield from bench.compare(scenario, at(host), image, [mine, ARIA2C_ONE], ours=mine, floor=floor)


def several(bench: Bench, image: BenchImage, rates: Sequence[float]) -> Iterator[Row]:
    """Mirrors that each give so much in all; then one more, as fast as the first, that soon falls silent for ever.

    The floor is what is left to the others, over the sum of their rates.
    """
    size = f"{image.size / 1e9:.2f} GB in {image.layers_in_words}"
    words = f"{size} from mirrors of {' and '.join(f'{rate / 1e6:g}' for rate in rates)} MB/s in all"
    honest = [Mirror(rate) for rate in rates]
    mirrors = Mirrors(image, honest)
    peers = [OURS, ARIA2C_ONE, curl_told(rates)]
    floor = image.size / sum(rates)
    yield from bench.compare(words, mirrors.serving, image, peers, label=mirrors.label, floor=floor)
    yield absent(words, "skopeo copy oci-archive:", "takes one source, not several at once")
    silent_after = image.size // 100
    words += f", and one that falls silent after {silent_after / 1e6:.3g} MB"
    mirrors = Mirrors(image, [*honest, Mirror(rates[0], silent_after)])
    floor = (image.size - silent_after) / sum(rates)
    peers = [OURS, ARIA2C_SOON]
    yield from bench.compare(words, mirrors.serving, image, peers, label=mirrors.label, floor=floor)


def far(bench: Bench, image: BenchImage, round_trip: float, rate: float) -> Iterator[Row]:
    """A registry that is far away. The floor: three round trips (connection, manifest, blob), and size / rate."""
    size = f"{image.size / 1e6:.3g} MB in {image.layers_in_words}"
    words = f"{size}, {round_trip * 1000:.0f} ms and {rate / 1e6:g} MB/s away"
    floor = 3 * round_trip + image.size / rate
    peers = [OURS, ARIA2C_ONE, *SINGLE_STREAMS[:2]]
    with own_registry(image) as running:
        links = Links(running.host, round_trip, rate)
        yield from bench.compare(words, links.serving, image, peers, label=links.label, floor=floor)


def tiny(bench: Bench, image: BenchImage, round_trip: float, connections: int) -> Iterator[Row]:
    """Many small layers, far away: what costs is the round trips. The floor: connection, manifest, and for each
    connection its own and its part of the layers.
    """
    mine = dockferry(f"dockferry -t {connections}", "-t", str(connections))
    aria = aria2c(f"aria2c -j{connections}", f"-j{connections}", "-x1", "-s1")
    words = f"{image.layers_in_words} of {image.size / image.layers / 1e3:.3g} kB, {round_trip * 1000:.0f} ms away"
    floor = (3 + -(-image.layers // connections)) * round_trip
    with own_registry(image) as running:
        links = Links(running.host, round_trip, 1e8)
        peers = [mine, aria, *SINGLE_STREAMS[:2]]
        yield from bench.compare(words, links.serving, image, peers, label=links.label, ours=mine, floor=floor)


def resume(bench: Bench, image: BenchImage, rate: float) -> Iterator[Row]:
    """Ours, and aria2c with its own way to go on."""
    mine = dockferry("dockferry -t 16", "-t", "16")
    return bench.resume(image, rate, [mine, aria2c("aria2c -c -x16 -s16", "-c", "-x16", "-s16", "-k1M")])


def at(host: str) -> Serving:
    """The same host for every run."""
    return lambda tool: nullcontext(host)


def _rotated(peers: List[Peer], number: int) -> List[Peer]:
    """Each round begins with another: nobody always runs after the same neighbour."""
    start = number % len(peers)
    return peers[start:] + peers[:start]


def _larger(samples: Dict[str, List[Sample]], floors: Sequence[Peer], rounds: int) -> List[Optional[float]]:
    there = [samples[peer.name] for peer in floors if len(samples.get(peer.name, ())) == rounds]
    return [max((found[number].seconds for found in there), default=None) for number in range(rounds)]


def _ratio(found: Sequence[Sample], bounds: Sequence[Optional[float]]) -> Optional[float]:
    return median([sample.seconds / bound for sample, bound in zip(found, bounds) if bound])
