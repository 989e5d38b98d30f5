"""Guards: what stands before a registry's blobs: a limit on connections, signed URLs and tokens that expire."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import Dict

from .rude import Request, RudeServer, Wire
from .rude_registry import Ask, RudeRegistry


class Limit:
    """At most `most` at a time, 429 for the others, and one in four with a wait longer than a test lasts.

    `is_strict` is that; else only those past the most are refused, and told nothing.
    """

    def __init__(self, most: int, *, is_strict: bool = True) -> None:
        self._free = threading.Semaphore(most)
        self._is_strict = is_strict
        self.refusals = 0

    def __call__(self, ask: Ask) -> None:
        if (self._is_strict and ask.number % 4 == 3) or not self._free.acquire(blocking=False):
            self.refusals += 1
            ask.wire.reply(429, b"", [("Retry-After", "60")] if self._is_strict else [])
            return
        try:
            ask.give()
        finally:
            self._free.release()


class Storage:
    """A storage host on another origin: signed URLs that live `life` seconds; bodies are cut now and then."""

    def __init__(self, registry: RudeRegistry, life: float) -> None:
        self.registry, self.life = registry, life
        self.expired = 0

    def url(self, server: RudeServer, ask: Ask) -> str:
        name = ask.request.target.rpartition("/")[2]
        return f"{server.url}/{name}?expires={time.monotonic() + self.life}&signature=SIGNED"

    def __call__(self, request: Request, wire: Wire) -> None:
        path, _, query = request.target.partition("?")
        if time.monotonic() > float(query.partition("&")[0].partition("=")[2]):
            self.expired += 1
            wire.reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        else:
            self.registry(replace(request, target=path), wire)


class Tokens:
    """A registry whose tokens live `life` seconds, made by a token server that counts."""

    def __init__(self, registry: RudeRegistry, life: float) -> None:
        self.registry, self.life = registry, life
        self.made: Dict[str, float] = {}
        self.realm = ""
        self.issued_at = ""

    def token(self, request: Request, wire: Wire) -> None:
        name = f"token-{len(self.made)}"
        self.made[name] = time.monotonic() + self.life
        answer = {"token": name, "expires_in": self.life, "issued_at": self.issued_at}
        wire.reply(200, json.dumps({key: value for key, value in answer.items() if value}).encode())

    def __call__(self, request: Request, wire: Wire) -> None:
        sent = (request.header("authorization") or "").rpartition(" ")[2]
        if time.monotonic() < self.made.get(sent, 0.0):
            self.registry(request, wire)
        else:
            challenge = f'Bearer realm="{self.realm}",service="s",scope="repository:demo/app:pull"'
            wire.reply(401, b"", [("WWW-Authenticate", challenge)])
