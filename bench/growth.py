"""Measures how cost grows with layers, bytes, connections, images and tags, and prints two Markdown tables.

python bench/growth.py [--quick] [--huge] [--only SERIES] [--workdir DIR] [--json FILE] [--plots DIR]
(make bench-growth)

Our own registry serves content that is stored nowhere. The archive of 9.3 GB (--huge: of 50 GB) needs as much space
in the work folder: what does not fit is named and left out. All of it takes some five minutes, --huge more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

import synthetic
from exponents import Series
from growing import Growing
from growth_report import Growth, markdown
from machine import circumstances

from dockferry.serve import ImageStore, serve

WRITTEN = "bytes written by dd"
DOCKFERRY = [sys.executable, "-m", "dockferry"]


def layers(growing: Growing) -> Iterator[Series]:
    """From one layer to very many, each of 1 kB."""
    amounts = [1, 10, 100] if growing.quick else [1, 10, 100, 1000, 10_000]
    images = {f"layers/{amount}": synthetic.tiny(amount, 1000, f"of {amount}") for amount in amounts}
    with _serving(images) as host:
        yield growing.series("layers of 1 kB", amounts, lambda amount, out: _pull(out, f"{host}/layers/{amount}:1"))


def layer_size(growing: Growing) -> Iterator[Series]:
    """One layer, from small to larger than a tar's header can say in octal digits (8 GiB), and the largest of all."""
    amounts = [10**6, 10**7, 10**8] if growing.quick else [10**6, 10**7, 10**8, 10**9, 93 * 10**8]
    amounts += [50 * 10**9] if growing.huge else []
    digests = growing.block.digests(amounts)
    images = {f"size/{size}": {digests[size]: growing.block.blob(size)} for size in amounts}
    with _serving(images) as host:
        yield growing.series(WRITTEN, amounts, _dd, size=lambda amount: amount)
        yield growing.series(
            "bytes of one layer",
            amounts,
            lambda amount, out: _pull(out, f"{host}/size/{amount}:1", "-t", "5"),
            size=lambda amount: amount,
            flat=["peak MB"],
            like=WRITTEN,
        )


def connections(growing: Growing) -> Iterator[Series]:
    """The same 20 layers over more and more connections."""
    amounts = [1, 5, 20] if growing.quick else [1, 2, 5, 10, 20]
    sizes = [(1 if growing.quick else 24) * 10**6 + place for place in range(20)]
    digests = growing.block.digests(sizes)
    with _serving({"many": {digests[size]: growing.block.blob(size) for size in sizes}}) as host:
        yield growing.series(
            f"connections for {sum(sizes) / 1e6:.0f} MB in 20 layers",
            amounts,
            lambda amount, out: _pull(out, f"{host}/many:1", "-t", str(amount)),
            size=lambda amount: sum(sizes),
        )


def images(growing: Growing) -> Iterator[Series]:
    """Images in one command, each into its own archive."""
    amounts = [1, 5, 20] if growing.quick else [1, 10, 50, 200]
    stored = {f"images/{number}": synthetic.tiny(2, 1000, str(number)) for number in range(amounts[-1])}
    with _serving(stored) as host:
        yield growing.series(
            "images in one command",
            amounts,
            lambda amount, out: _pull(out, *(f"{host}/images/{number}:1" for number in range(amount))),
            flat=["peak MB"],
        )


def tags(growing: Growing) -> Iterator[Series]:
    """A list of tags."""
    amounts = [100, 1000, 5000] if growing.quick else [100, 1000, 10_000, 100_000]
    store = ImageStore()
    for amount in amounts:
        named = [f"v{number:06}" for number in range(amount)]
        store.add_manifest(f"tags/{amount}", b"{}", "application/json", *named)
    with serve(store) as running:
        yield growing.series(
            "tags of a repository", amounts, lambda amount, out: [*DOCKFERRY, "tags", f"{running.host}/tags/{amount}"]
        )


SERIES = {"layers": layers, "size": layer_size, "connections": connections, "images": images, "tags": tags}


@contextmanager
def _serving(made: Dict[str, synthetic.Layers]) -> Iterator[str]:
    store = ImageStore()
    for repository, blobs in made.items():
        synthetic.add_image(store, repository, blobs)
    with serve(store) as running:
        yield running.host


def _dd(amount: int, out: Path) -> List[str]:
    """Nothing but writing as much to the disk: how the machine's own cost grows."""
    return [
        "dd",
        "if=/dev/zero",
        f"of={out / 'out'}",
        "bs=1M",
        "iflag=count_bytes",
        f"count={amount}",
        "conv=fdatasync",
    ]


def _pull(out: Path, *words: str) -> List[str]:
    return [*DOCKFERRY, "pull", *words, "-o", str(out), "--progress", "none"]


def main() -> None:
    args = _parse()
    with tempfile.TemporaryDirectory(prefix="dockferry-growth-", dir=args.workdir) as name:
        growing = Growing(Path(name), args.quick, args.huge)
        at = circumstances(Path(name))
        found = [one for key in SERIES if key in (args.only or SERIES) for one in SERIES[key](growing)]
    growth = Growth(at, found)
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        growth.write(args.json)
    if args.plots is not None:
        from growth_plots import draw  # which takes a second, and is not always installed

        print(f"drawn: {draw(growth, args.plots)}", file=sys.stderr)
    print(markdown(growth))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how dockferry's cost grows, on this machine.")
    parser.add_argument("--quick", action="store_true", help="small amounts, one round")
    parser.add_argument("--huge", action="store_true", help="a layer of 50 GB too")
    parser.add_argument("--only", action="append", choices=SERIES, help="this series; may be repeated")
    parser.add_argument("--workdir", metavar="DIR", help="where scratch files go (default: the system's)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples to FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw plots into DIR (needs matplotlib)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
