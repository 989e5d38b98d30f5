"""Faults that want a network of their own: `python -m support.namespaced NAME FOLDER` below `unshare -Urmn`."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

from dockferry import pull
from dockferry.errors import RedirectError

from .images import make_image
from .pulls import ACCESS, NAME, QUICK
from .require import require, unavailable
from .rude import RudeServer
from .rude_registry import Ask, RudeRegistry

PUBLIC = "8.8.8.8"
"""In the namespace this machine has it: an address that the Internet routes."""


def namespaced(name: str, folder: Path) -> Dict[str, Any]:
    """Run the fault `name` in namespaces of its own: what it found."""
    tc, ip = require("tc"), require("ip")
    if subprocess.run(["unshare", "-Urmn", ip, "link", "set", "lo", "up"], capture_output=True).returncode:
        unavailable("unshare -Urmn does not work here")
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    done = subprocess.run(
        ["unshare", "-Urmn", sys.executable, "-m", "support.namespaced", name, str(folder), ip, tc],
        env={**kept, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: Dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def collapse(folder: Path, tc: str) -> Dict[str, Any]:
    """Two mirrors of the same speed; in the middle the link to one of them falls to 100 kbit/s, with its queue."""
    image = make_image([4_000_000, 2_000_000, 1_000_000], seed=3)
    size = sum(layer.size for layer in image.layers)
    leaf = ["dev", "lo", "parent", "1:", "classid", "1:10", "htb", "burst", "20k", "rate"]
    run(tc, "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb")
    run(tc, "class", "add", *leaf, "80mbit")

    def set_rate(rate: str) -> None:
        run(tc, "class", "change", *leaf, rate)

    slow, steady = RudeRegistry(image, rate=1.5e6), RudeRegistry(image, rate=1.5e6)
    with RudeServer(slow, priority=(1 << 16) | 0x10) as first, RudeServer(steady) as second:
        slow.ending, steady.ending = first.ending, second.ending
        fall = threading.Thread(target=when, args=(lambda: slow.sent > size // 8, lambda: set_rate("100kbit")))
        fall.start()
        began = time.monotonic()
        access = replace(ACCESS, idle_timeout=5.0)
        target = folder / "a.tar"
        result = pull(NAME, mirrors=[first.url, second.url], threads=6, access=access, retry=QUICK, output=target)
        took = time.monotonic() - began
        fall.join()
        set_rate("80mbit")
    with RudeServer(RudeRegistry(image)) as server:
        pull(NAME, mirrors=[server.url], output=folder / "b.tar")
    same = target.read_bytes() == (folder / "b.tar").read_bytes()
    return {"same": same, "took": took, "received": result.received, "size": size, "slow": slow.sent}


def collapse_of_all(folder: Path, tc: str) -> Dict[str, Any]:
    """One source, and a whole link that falls to a tenth for a while and comes back."""
    image = make_image([3_000_000, 1_000_000], seed=4)
    size = sum(layer.size for layer in image.layers)
    limits = ["burst", "20k", "latency", "300ms"]
    run(tc, "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "40mbit", *limits)

    def weather() -> None:
        for rate in ("3mbit", "40mbit"):
            run(tc, "qdisc", "change", "dev", "lo", "root", "tbf", "rate", rate, *limits)
            time.sleep(1.0)

    registry = RudeRegistry(image)
    storm = threading.Thread(target=when, args=(lambda: registry.sent > size // 8, weather))
    with RudeServer(registry) as server:
        storm.start()
        began = time.monotonic()
        result = pull(NAME, mirrors=[server.url], access=ACCESS, retry=QUICK, output=folder / "a.tar")
        took = time.monotonic() - began
        storm.join()
        pull(NAME, mirrors=[server.url], output=folder / "b.tar")
    same = (folder / "a.tar").read_bytes() == (folder / "b.tar").read_bytes()
    return {"same": same, "took": took, "received": result.received, "size": size}


def rebinding(folder: Path, ip: str) -> Dict[str, Any]:
    """A storage host whose name is public when it is first looked up, and this machine itself from then on."""
    run(ip, "addr", "add", f"{PUBLIC}/32", "dev", "lo")
    image = make_image([400_000, 300_000], seed=5)
    answers: Dict[str, List[str]] = {"registry.test": [PUBLIC], "storage.test": [PUBLIC, "127.0.0.1"]}
    inner = RudeRegistry(image)
    outer = RudeRegistry(image)
    closing = [False]

    def keep_or_close(ask: Ask) -> None:
        ask.give(fields=[("Connection", "close")] if closing[0] else [])
        if closing[0]:
            ask.wire.close()

    outer.fault = keep_or_close
    with names(folder, answers) as asked, RudeServer(outer, address=(PUBLIC, 0)) as storage:
        away = f"http://storage.test:{storage.port}"

        def redirect(ask: Ask) -> None:
            ask.wire.reply(307, b"", [("Location", f"{away}{ask.request.target}")])

        front = RudeServer(RudeRegistry(image, redirect), address=(PUBLIC, 0))
        with RudeServer(inner, address=("127.0.0.1", storage.port)) as private, front:
            mirror = f"http://registry.test:{front.port}"
            result = pull(NAME, mirrors=[mirror], threads=1, access=ACCESS, retry=QUICK, output=folder / "a.tar")
            lookups = asked.count("storage.test")
            closing[0] = True
            error = ""
            try:
                pull(NAME, mirrors=[mirror], threads=1, access=ACCESS, retry=QUICK, output=folder / "b.tar")
            except RedirectError as caught:
                error = str(caught)
            return {
                "received": result.received,
                "lookups": lookups,
                "error": error,
                "private": len(private.requests),
                "connections": private.connections,
                "left": (folder / "b.tar").exists(),
            }


@contextlib.contextmanager
def names(folder: Path, answers: Dict[str, List[str]]) -> Iterator[List[str]]:
    """A name server for this namespace: the next answer for each question, the last one again and again."""
    settings = folder / "resolv.conf"
    settings.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:2\n")
    run("mount", "--bind", str(settings), os.path.realpath("/etc/resolv.conf"))
    asked: List[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 53))
        server.settimeout(0.2)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with contextlib.suppress(socket.timeout):
                    question, client = server.recvfrom(512)
                    server.sendto(_answer(question, answers, asked), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            over.set()
            thread.join()


def _answer(question: bytes, answers: Dict[str, List[str]], asked: List[str]) -> bytes:
    """RFC 1035: an address record of no life, or none."""
    labels, place = [], 12
    while question[place]:
        labels.append(question[place + 1 : place + 1 + question[place]].decode())
        place += 1 + question[place]
    name, (kind,) = ".".join(labels), struct.unpack("!H", question[place + 1 : place + 3])
    record = b""
    if kind == 1 and name in answers:
        found = answers[name]
        address = found.pop(0) if len(found) > 1 else found[0]
        asked.append(name)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
    counts = struct.pack("!HHHH", 1, 1 if record else 0, 0, 0)
    return question[:2] + b"\x81\x80" + counts + question[12 : place + 5] + record


def when(condition: Callable[[], bool], act: Callable[[], None]) -> None:
    """`act()` as soon as `condition()` holds."""
    while not condition():
        time.sleep(0.005)
    act()


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def main(name: str, folder: str, ip: str, tc: str) -> None:
    run(ip, "link", "set", "lo", "mtu", "1500", "up")  # longer packets would not fit into a burst
    faults: Dict[str, Callable[[], Dict[str, Any]]] = {
        "collapse": lambda: collapse(Path(folder), tc),
        "collapse of all": lambda: collapse_of_all(Path(folder), tc),
        "rebinding": lambda: rebinding(Path(folder), ip),
    }
    print(json.dumps(faults[name]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
