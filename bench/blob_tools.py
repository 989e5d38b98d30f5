"""Blob tools: programs that know nothing of images and are given the addresses of blobs; and floors of them."""

from __future__ import annotations

from typing import List, Sequence

from machine import file_system
from peer import Peer, Target

_WGET = 'wget -q --no-config --no-proxy "$@" -i urls -P . && openssl dgst -sha256 -r $(cat names) | cmp -s - sums'


def aria2c(name: str, *options: str) -> Peer:
    """The blobs alone, checked against their digests."""

    def command(target: Target) -> List[str]:
        listing = target.folder / "urls"
        lines = []
        for descriptor, _ in target.image.blobs:
            digest = descriptor.digest
            places = "\t".join(target.url(one, str(digest)) for one in target.hosts)
            lines += [places, f"  out={digest.hex}", f"  checksum=sha-256={digest.hex}"]
        listing.write_text("\n".join(lines) + "\n")
        # In memory to reserve pages is to clear them, which costs more than it saves.
        allocation = "none" if file_system(target.folder) == "tmpfs" else "falloc"
        quiet = ["--quiet", "--no-conf", f"--file-allocation={allocation}", "--allow-overwrite=true", "--all-proxy="]
        trusting = [f"--ca-certificate={target.authority}"] if target.authority else []
        return ["aria2c", *quiet, *trusting, *options, "-i", str(listing), "-d", str(target.folder)]

    return Peer(name, "aria2c", command)


def _wget(target: Target) -> List[str]:
    """One blob after the other over one connection; then their digests, which wget knows nothing of."""
    names = [str(descriptor.digest) for descriptor, _ in target.image.blobs]
    (target.folder / "urls").write_text("\n".join(target.urls) + "\n")
    (target.folder / "names").write_text("\n".join(names))
    (target.folder / "sums").write_text("".join(f"{name[7:]} *{name}\n" for name in names))
    trusting = [f"--ca-certificate={target.authority}"] if target.authority else []
    return ["sh", "-c", _WGET, "wget", *trusting]


def _curl_floor(target: Target) -> List[str]:
    """All blobs over one connection into nothing."""
    command = ["curl", "-sSf", "--noproxy", "*", *target.trusting("--cacert")]
    for url in target.urls:
        command += ["-o", "/dev/null", url]
    return command


def curl_told(rates: Sequence[float]) -> Peer:
    """All blobs into nothing: of each, from each host the part that it will have given when the others are done."""

    def command(target: Target) -> List[str]:
        told = ["curl", "--parallel", "--parallel-immediate"]
        for descriptor, _ in target.image.blobs:
            start = 0
            for place, (one, rate) in enumerate(zip(target.hosts, rates)):
                end = descriptor.size if place == len(rates) - 1 else start + int(descriptor.size * rate / sum(rates))
                told += ["-sSf", "--noproxy", "*", "-r", f"{start}-{end - 1}", "-o", "/dev/null"]
                told += [target.url(one, str(descriptor.digest)), "--next"]
                start = end
        return told[:-1]

    return Peer("curl to /dev/null, told the shares", "curl", command)


def _openssl_floor(target: Target) -> List[str]:
    """All blobs hashed, from files that the cache holds."""
    return ["openssl", "dgst", "-sha256", *(str(path) for _, path in target.image.blobs)]


def _dd_floor(target: Target) -> List[str]:
    """As many bytes as the image has, written to the folder that all write to."""
    amount = ["bs=1M", "iflag=count_bytes", f"count={target.image.size}"]
    return ["dd", "if=/dev/zero", f"of={target.folder / 'out'}", *amount]


def _dd_synced_floor(target: Target) -> List[str]:
    return [*_dd_floor(target), "conv=fdatasync"]


WGET = Peer("wget -i, then openssl dgst", "wget", _wget)
CURL_FLOOR = Peer("floor: curl to /dev/null", "curl", _curl_floor)
OPENSSL_FLOOR = Peer("floor: openssl dgst -sha256", "openssl", _openssl_floor)
DD_FLOORS = (Peer("floor: dd", "dd", _dd_floor), Peer("floor: dd conv=fdatasync", "dd", _dd_synced_floor))
