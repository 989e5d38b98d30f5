"""Plays the faults of tests/support/twelve.py against dockferry and other tools and prints one Markdown table.

python bench/faults.py [--only T4] [--limit SECONDS] [--workdir DIR]     (make bench-faults)

Tools that are not on PATH are named as missing. Everything runs on loopback; with all tools it takes some 20 minutes.
Bytes and time are told over those of the same tool from the same registry without a fault.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from daemon import docker_daemon
from image import BenchImage
from image_tools import CRANE, DOCKER, OURS, PODMAN, skopeo_with_retries
from peer import Peer, Target

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.images import MadeImage
from support.rude import RudeServer
from support.rude_registry import SEED
from support.twelve import HONEST, TWELVE, Scenario, twelve_image

LIMIT = 45.0
TOOLS = [CRANE, PODMAN, DOCKER, skopeo_with_retries(5)]
NOTE = """Where a server gives no ranges, what it cuts has to come again from its first byte, whoever asks: 1.6 times
the bytes on average for T6 and T8. A wrong bit is looked for by fetching its layer again up to it."""
HEAD = "| | fault | tool | ends | bytes × image | seconds | × without fault |\n|---|---|---|---|--:|--:|--:|"


@dataclass(frozen=True)
class Ran:
    """`word`: ok, fails or hangs; `sent`: bytes of blobs that the server gave."""

    word: str
    seconds: float
    sent: int


def main() -> None:
    args = _parse()
    with docker_daemon():
        _table(args)


def _table(args: argparse.Namespace) -> None:
    image = twelve_image()
    size = sum(layer.size for layer in image.layers)
    survived: Dict[str, int] = {}
    print(f"{size / 1e6:.1f} MB in {len(image.layers)} layers, {args.limit:.0f} s allowed, seed {SEED}.\n")
    print(f"{NOTE}\n\n{HEAD}")
    missing = [peer for peer in TOOLS if peer.missing]
    present = [OURS, *(peer for peer in TOOLS if not peer.missing)]
    with tempfile.TemporaryDirectory(prefix="dockferry-faults-", dir=args.workdir) as name:
        without: Dict[Tuple[str, float], Ran] = {}
        for key in args.only or TWELVE:
            scenario = TWELVE[key]
            for peer in present:
                ideal = without.get((peer.name, scenario.rate))
                if ideal is None:
                    ideal = _play(HONEST[scenario.rate], peer, image, Path(name), args.limit)
                    without[peer.name, scenario.rate] = ideal
                ran = _play(scenario, peer, image, Path(name), args.limit)
                survived[peer.name] = survived.get(peer.name, 0) + (ran.word == "ok")
                print(
                    f"| {key} | {scenario.name} | {peer.name} | {' | '.join(_cells(ran, ideal, size))} |", flush=True
                )
    print()
    for peer in present:
        print(f"- {peer.name}: {survived.get(peer.name, 0)} of {len(args.only or TWELVE)} ended well")
    for peer in missing:
        print(f"- {peer.name}: not tried, {peer.missing}")


def _cells(ran: Ran, ideal: Ran, size: int) -> List[str]:
    is_ok = ran.word == "ok"
    longer = f"{ran.seconds / ideal.seconds:.1f}" if is_ok and ideal.word == "ok" else ""
    return [ran.word, f"{ran.sent / size:.2f}", f"{ran.seconds:.1f}", longer]


def _play(scenario: Scenario, peer: Peer, image: MadeImage, folder: Path, limit: float) -> Ran:
    with ExitStack() as stack:

        def serve(handler: Any) -> RudeServer:
            server = stack.enter_context(RudeServer(handler))
            if hasattr(handler, "ending"):
                handler.ending = server.ending
            return server

        played = scenario.begin(image, serve)
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        target = Target(played.front.host, BenchImage("demo/app", "1.0", image.manifest, ()), place)
        began = time.monotonic()
        code = _run(peer.command(target), place, limit)
        took = time.monotonic() - began
        if peer.after is not None:
            subprocess.run(peer.after(target), capture_output=True, timeout=60)
        word = "hangs" if code is None else "fails" if code else "ok"
        return Ran(word, took, played.counting.sent)


def _run(command: List[str], folder: Path, limit: float) -> Optional[int]:
    """The exit code, None where the time was over."""
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            return child.wait(limit)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            return None


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Play faults against dockferry and other tools on this machine.")
    parser.add_argument("--only", action="append", choices=list(TWELVE), help="this row; may be repeated")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help="for each run (default: 45)")
    parser.add_argument("--workdir", metavar="DIR", help="where scratch files go (default: the system's)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
