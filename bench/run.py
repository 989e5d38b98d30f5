"""Measures dockferry against other tools on this machine and prints one Markdown table.

python bench/run.py [--quick] [--rounds N] [--workdir DIR] [--only SCENARIO] [--json FILE] [--plots DIR]

Tools that are not on PATH are named as missing. Everything runs on loopback. It needs Linux, some 8 GB of scratch
space (TMPDIR says where, for the daemons too) and, with all tools there, more than an hour; --quick
(`make bench QUICK=1`) has small images and few tools, and takes less than two minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import List

from compare import Bench
from containerd import containerd
from daemon import docker_daemon
from machine import circumstances
from measure import LEAST_RSS
from parts import PARTS
from report import markdown
from result import Document

QUICK_SCALE, QUICK_ROUNDS, ROUNDS = 0.05, 2, 7


def main() -> None:
    args = _parse()
    with tempfile.TemporaryDirectory(prefix="dockferry-bench-", dir=args.workdir) as name:
        document = _measured(args, Path(name))
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        document.write(args.json)
    if args.plots is not None:
        from plots import draw  # which takes a second, and is not always installed

        for path in draw(document, args.plots):
            _say(f"drawn: {path}")
    print(markdown(document))


def _measured(args: argparse.Namespace, folder: Path) -> Document:
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    scale = args.scale or (QUICK_SCALE if args.quick else 1.0)
    bench = Bench(folder, rounds, _say, few=args.quick)
    at = circumstances(folder)
    results = []
    with docker_daemon(is_wanted=not args.quick), containerd(folder / "containerd", is_wanted=not args.quick):
        for part in PARTS:
            if part in (args.only or PARTS):
                bench.part = part
                results += list(PARTS[part](bench, int(1e6 * scale)))
    return Document(at, results, _notes(args))


def _notes(args: argparse.Namespace) -> List[str]:
    notes = [
        "Floor: the larger of curl and openssl in the same round; where connections are capped, size / (16 × rate);"
        " with several mirrors, size / the sum of their rates; far away, the round trips that cannot be saved and"
        " size / rate; after SIGKILL, half the size / (16 × rate); for the start, `python -c pass`.",
        "dd writes as many zeros to the same folder: the floor of writing, not told over.",
        "Fetched twice: bytes that the servers sent, over those that were needed. Shares: of what each mirror sent.",
        "CPU is the client's, user and system. Written: bytes given to write calls (wchar), over the image's size.",
        "Requests and sent: what the server was asked for, and its bytes of bodies over the image's size, by its own"
        " count (docker-registry's by its access log, where TLS and headers are not in); far away, what came over the"
        " line, headers too.",
        "Peak memory is the program's own, the largest of all rounds;"
        f" below {LEAST_RSS / 1e6:.0f} MB it is the launcher's.",
        "Before each run 2.5 times the image's size (at most half of what is available) is touched and given back: a"
        " virtual machine's host gives memory when it is touched first, and whoever runs first would pay for all.",
        "aria2c and wget fetch the blobs and check them, and make no archive; oras leaves a layout; podman and docker"
        " unpack into their own store, as ctr images pull does;"
        " ctr content fetch keeps the blobs in containerd's.",
        "What no option of one run says is as the tool has it by itself: docker pull fetches three layers at once.",
        "docker pull does not check the registry's certificate: it asks none of a host on loopback.",
        "dockferry syncs the archive to disk before it gets its name, which the others do not do.",
        "After SIGKILL: the seconds are the second run's; fetched twice is told of both; what the first run left is"
        " synced in between, unmeasured.",
    ]
    if args.quick:
        notes.append(
            "A quick look: small images, few rounds and tools. What costs the same for any size weighs more."
        )
    return notes


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure dockferry against other tools on this machine.")
    parser.add_argument("--quick", action="store_true", help="small images, two rounds, few tools")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"how often each tool runs (default: {ROUNDS})")
    parser.add_argument("--workdir", metavar="DIR", help="where scratch files go (default: the system's)")
    parser.add_argument("--only", action="append", choices=PARTS, help="this scenario; may be repeated")
    parser.add_argument("--scale", type=float, metavar="X", help="images X times as large (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw plots into DIR (needs matplotlib)")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
