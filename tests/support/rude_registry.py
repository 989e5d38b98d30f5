"""A registry on a rude server: real documents and blobs, and one function that says how each blob request goes."""

from __future__ import annotations

import math
import os
import random
import threading
from dataclasses import dataclass, field
from typing import Callable, List, Optional, Tuple

from dockferry.oci.digest import Digest

from .images import MadeImage
from .rude import Fields, Request, Wire

SEED = int(os.environ.get("DOCKFERRY_FAULT_SEED", "0"))
"""Another one makes other requests fail."""
_STEP = 16 * 1024


@dataclass
class Ask:
    """One request for a blob: `data` is all of it; `number` counts the registry's blob requests from 0."""

    registry: RudeRegistry
    request: Request
    wire: Wire
    data: bytes
    number: int

    @property
    def span(self) -> Tuple[int, int]:
        return self.request.range or (0, len(self.data))

    def give(
        self,
        share: float = 1.0,
        *,
        ranged: bool = True,
        claim: Optional[str] = None,
        flip: bool = False,
        fields: Fields = [],  # noqa: B006 - never changed
    ) -> None:
        """A reply whose head is right but for `claim` (its Content-Range); then `share` of the body."""
        start, end = self.span if ranged else (0, len(self.data))
        body = bytearray(self.data[start:end])
        if flip and body:
            body[random.Random(self.number).randrange(len(body))] ^= 1
        told = [*fields, ("Content-Length", str(len(body)))]
        if ranged and self.request.range:
            told.append(("Content-Range", claim or f"bytes {start}-{end - 1}/{len(self.data)}"))
        self.wire.head(206 if ranged and self.request.range else 200, told)
        self.send(bytes(body[: math.ceil(len(body) * share)]))

    def send(self, body: bytes) -> None:
        """At the registry's pace, counted."""
        for place in range(0, len(body), _STEP):
            self.wire.send(body[place : place + _STEP])
            self.registry.count(len(body[place : place + _STEP]))
            self.registry.ending.wait(_STEP / self.registry.rate)

    def cut(self, share: float, **how: object) -> None:
        """`share` of the body, then a clean end of the connection."""
        self.give(share, **how)  # type: ignore[arg-type]
        self.wire.close()

    def chance(self, share: float, salt: int = 0) -> bool:
        """True for this share of the requests, the same ones in every run with one seed."""
        return random.Random(1_000_000 * SEED + 100 * self.number + salt).random() < share


Fault = Callable[[Ask], None]


def honest(ask: Ask) -> None:
    ask.give()


@dataclass
class RudeRegistry:
    """Call it as a rude server's handler. `manifest` answers for the manifest where it is given.

    `sent` counts the blobs' bytes, `rate` is each connection's bytes a second; `blobs` holds the requests for blobs.
    """

    image: MadeImage
    fault: Fault = honest
    manifest: Optional[Callable[[Request, Wire], None]] = None
    rate: float = 2e7
    sent: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    blobs: List[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    def __call__(self, request: Request, wire: Wire) -> None:
        target = request.target.partition("?")[0]
        name = target.rpartition("/")[2]
        if target == "/v2/":
            wire.reply(200, b"{}")
        elif request.method == "HEAD":
            self._head(name, wire)
        elif "/manifests/" in target:
            if self.manifest is not None:
                self.manifest(request, wire)
            else:
                wire.reply(200, self.image.manifest, self._described())
        elif name == str(self.image.config.digest):
            wire.reply(200, self.image.blobs[self.image.config.digest])
        elif name.startswith("sha256:"):
            with self._lock:
                number, self._number = self._number, self._number + 1
                self.blobs.append(request)
            self.fault(Ask(self, request, wire, self.image.blobs[Digest.parse(name)], number))
        else:
            wire.reply(404)

    def _head(self, name: str, wire: Wire) -> None:
        """For other clients: a blob's or the manifest's headers."""
        if name.startswith("sha256:") and Digest.parse(name) in self.image.blobs:
            wire.head(200, [("Content-Length", str(len(self.image.blobs[Digest.parse(name)])))])
        else:
            wire.head(200, [*self._described(), ("Content-Length", str(len(self.image.manifest)))])

    def _described(self) -> Fields:
        return [("Content-Type", self.image.media_type), ("Docker-Content-Digest", str(self.image.digest))]

    def count(self, sent: int) -> None:
        with self._lock:
            self.sent += sent
