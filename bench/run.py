"""Measures dockferry against other tools on this machine and prints one Markdown table.

python bench/run.py [--quick] [--rounds N] [--workdir DIR] [--only SCENARIO]     (make bench ARGS=--quick)

Tools that are not on PATH are named as missing. Everything runs on loopback. It needs Linux, some 8 GB of scratch
space and, with all tools there, about half an hour.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import List

from daemon import docker_daemon
from image import BenchImage, make, uneven
from measure import own_rss
from registries import docker_registry, own_registry, push
from report import Row, document
from scenarios import Bench, capped, far, lan, resume, several, tiny

SCENARIOS = ("startup", "lan", "onelayer", "capped", "far", "tiny", "mirrors", "resume")
RATE, CONNECTIONS = 4e6, 16
ROUND_TRIP, FAR_RATE = 0.1, 50e6
RATES = (80e6, 20e6)


def main() -> None:
    args = _parse()
    with docker_daemon(), tempfile.TemporaryDirectory(prefix="dockferry-bench-", dir=args.workdir) as name:
        folder = Path(name)
        bench = Bench(folder, args.rounds or (3 if args.quick else 7), _say)
        only = args.only or list(SCENARIOS)
        rows = [row for scenario in SCENARIOS if scenario in only for row in _rows(bench, scenario, args.scale)]
        text = document(rows, folder, _notes())
    print(text)


def _rows(bench: Bench, scenario: str, scale: float) -> List[Row]:
    _say(f"{scenario}: making its image")
    million = int(1e6 * scale)
    if scenario == "startup":
        return list(bench.small(make(bench.folder / scenario, "bench/small", [million, million])))
    if scenario == "capped":
        image = make(bench.folder / scenario, "bench/capped", [512 * million])
        return list(capped(bench, image, RATE, CONNECTIONS))
    if scenario == "far":
        image = make(bench.folder / scenario, "bench/far", [256 * million])
        return list(far(bench, image, ROUND_TRIP, FAR_RATE))
    if scenario == "tiny":
        return list(tiny(bench, make(bench.folder / scenario, "bench/tiny", [1000] * 100), ROUND_TRIP, CONNECTIONS))
    if scenario == "mirrors":
        return list(several(bench, make(bench.folder / scenario, "bench/mirrors", [1000 * million]), RATES))
    if scenario == "resume":
        return list(resume(bench, make(bench.folder / scenario, "bench/resume", [512 * million]), RATE))
    sizes = uneven(1280 * million, 31) if scenario == "lan" else [1200 * million]
    return _lan_rows(bench, scenario, make(bench.folder / scenario, f"bench/{scenario}", sizes))


def _lan_rows(bench: Bench, scenario: str, image: BenchImage) -> List[Row]:
    name = f"{image.size / 1e9:.2f} GB in {image.layers_in_words}"
    with ExitStack() as stack:
        host = stack.enter_context(docker_registry(bench.folder / f"{scenario}-registry"))
        if host is None:
            name += ", from dockferry's own registry (docker-registry is not installed)"
            host = stack.enter_context(own_registry(image)).host
        else:
            push(host, image)
        return list(lan(bench, name, host, image))


def _notes() -> List[str]:
    return [
        "Floor: the larger of curl and openssl in the same round; where connections are capped, size / (16 × rate);"
        " with several mirrors, size / the sum of their rates.",
        "Fetched twice: bytes that the servers sent, over those that were needed. Shares: of what each mirror sent.",
        "CPU is the client's, user and system. Written: bytes given to write calls (wchar), over the image's size.",
        f"A peak below {own_rss() / 1e6:.0f} MB cannot be told from that: a child begins as a copy of this program.",
        "aria2c fetches and checks the blobs, and makes no archive; podman and docker unpack into their own store.",
        "dockferry syncs the archive to disk before it gets its name, which the others do not do.",
        "After SIGKILL: the seconds are the second run's; the bytes are those that the server sent in both runs.",
    ]


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure dockferry against other tools on this machine.")
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 7")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each tool runs")
    parser.add_argument("--workdir", metavar="DIR", help="where scratch files go (default: the system's)")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this scenario; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="images X times as large (default: 1)")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
