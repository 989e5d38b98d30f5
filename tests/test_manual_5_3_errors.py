"""The manual, section 5.3: 416, timeouts that are tried again after 5 s to 10 min, and failed verification."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import List, Set

import pytest
from support import faults
from support.manual import FIVE, LANGUAGES, NAME, QUICK, Puller, short
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, RudeRegistry

from dockferry.transfer.retry import RetryPolicy


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


class Renewed:
    """A registry whose token is void after some blobs: then 401, until another one was fetched."""

    def __init__(self) -> None:
        self.given = 0
        self.void: Set[str] = set()
        self._behind = RudeRegistry(FIVE, faults.refused_416)
        self._blobs = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request, wire: Wire) -> None:
        with self._lock:
            if request.target.startswith("/token"):
                self.given += 1
                wire.reply(200, json.dumps({"token": f"token-{self.given}"}).encode())
                return
            token = (request.header("authorization") or "")[len("Bearer ") :]
            if "/blobs/" in request.target:
                self._blobs += 1
                if self._blobs == 4:
                    self.void.add(token)
            refused = not token or token in self.void
        if refused:
            realm = f"http://{request.header('host')}/token"
            wire.reply(401, b"", [("WWW-Authenticate", f'Bearer realm="{realm}",service="s",error="invalid_token"')])
        else:
            self._behind(request, wire)


def test_416_and_a_new_authorization_in_one_run(puller: Puller) -> None:
    """Ranges refused with 416, and a token that runs out on the way: the archive is there, by a second token."""
    registry = Renewed()
    with RudeServer(registry) as server:
        puller.pull(server, "-t", "2")
    assert registry.given == 2
    assert puller.is_whole()


def test_what_is_damaged_is_fetched_again(puller: Puller, tmp_path: Path) -> None:
    """Half an archive with wrong bytes in it, and a host that answers 416: only right bytes stay."""
    broken = [True]

    def fault(ask: Ask) -> None:
        if broken[0] and ask.number > 2:
            ask.wire.reply(403)
        else:
            faults.refused_416(ask)

    registry = RudeRegistry(FIVE, fault)
    with RudeServer(registry) as server:
        done = puller(NAME, "-r", server.url, "-t", "1", *QUICK)
        assert done.code != 0
        part = next(tmp_path.glob("*.tar.part"))
        data = bytearray(part.read_bytes())
        start = data.find(FIVE.blobs[FIVE.layers[0].digest][:64])
        assert start > 0
        data[start + 1000 : start + 1100] = bytes(100)
        part.write_bytes(data)
        broken[0] = False
        puller.pull(server)
    assert puller.is_whole()


def test_connections_are_renewed(puller: Puller) -> None:
    """One on which a reply fell silent half-way is not used again, though it is open and would be answered."""
    silent: List[int] = []
    used_again: List[int] = []

    def fault(ask: Ask) -> None:
        if ask.request.connection in silent:
            used_again.append(ask.request.connection)
        if ask.number in (1, 3):
            silent.append(ask.request.connection)
            ask.give(0.5)
        else:
            ask.give()

    with RudeServer(RudeRegistry(FIVE, fault)) as server:
        puller.pull(server, "-t", "1")
    assert (len(silent), used_again) == (2, [])
    assert puller.is_whole()


def test_the_waits_are_the_manuals() -> None:
    """From the second try in a row on 5 s, doubled each time, up to 10 min; drawn from the upper half of that."""
    policy = RetryPolicy()
    waits = [(policy.rest(number, 0.0), policy.rest(number, 1.0)) for number in range(2, 20)]
    assert waits[0] == (2.5, 5.0)
    assert waits[1] == (5.0, 10.0)
    assert waits[-1] == (300.0, 600.0)
    assert all(low <= high <= 600 for low, high in waits)
    assert policy.attempts == 20


@LANGUAGES
def test_a_timeout_is_told_and_tried_again(puller: Puller, lang: str) -> None:
    """Each with its layer, its reason and its wait, which grows; the run goes on when the host does."""
    quiet = [4]

    def fault(ask: Ask) -> None:
        if quiet[0] > 0:
            quiet[0] -= 1
            ask.wire.stall()
        else:
            ask.give()

    with RudeServer(RudeRegistry(FIVE, fault)) as server:
        words = ("-t", "1", "--first-byte-timeout", "0.4", "--retry-base", "0.4", "--retry-max", "600")
        puller.pull(server, *words, lang=lang)
    form = {
        "en": r"\[WARNING\] retry (\d+) ([0-9a-f]{12}) reason: (.+) wait: ([0-9.]+)s",
        "zh_CN": r"\[WARNING\] 第(\d+)次重试 ([0-9a-f]{12}) 原因: (.+) 等待: ([0-9.]+)s",
    }[lang]
    told = [found for line in puller.log for found in [re.match(form, line)] if found]
    assert [int(found[1]) for found in told] == [1, 2, 3, 4]
    assert {found[2] for found in told} <= {short(FIVE, place) for place in range(5)}
    waits = [float(found[4]) for found in told]
    assert waits[3] > waits[1]
    assert puller.is_whole()


@LANGUAGES
def test_failed_verification_ends_the_download(puller: Puller, tmp_path: Path, lang: str) -> None:
    """With exit code 6, what was wanted and what was got, and no archive."""

    def lie(ask: Ask) -> None:
        ask.data = ask.data[:-1] + bytes([ask.data[-1] ^ 1])
        ask.give()

    with RudeServer(RudeRegistry(FIVE, lie)) as server:
        done = puller.pull(server, code=6, lang=lang)
    wanted = {"en": "wanted sha256:", "zh_CN": "校验失败: 期望 sha256:"}[lang]
    assert wanted in done.stderr.splitlines()[-1]
    assert list(tmp_path.glob("*.tar")) == []
