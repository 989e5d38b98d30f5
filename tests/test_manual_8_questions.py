"""The manual, section 8: certificates, progress that stands still, and how a download is known to be whole."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from support.certificates import make_authority
from support.images import make_image
from support.manual import FIVE, LANGUAGES, NAME, Puller, short
from support.rude import RudeServer
from support.rude_registry import Ask, RudeRegistry


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


@LANGUAGES
def test_a_certificate_that_is_not_trusted_names_the_way_out(puller: Puller, tmp_path: Path, lang: str) -> None:
    """The error names --ca-cert; with it, or --insecure, the same command gets the image. No PYTHONWARNINGS."""
    context, authority = make_authority(tmp_path, "127.0.0.1")
    with RudeServer(RudeRegistry(FIVE), context) as server:
        refused = puller.pull(server, code=5, lang=lang, name=NAME)
        assert "--ca-cert" in refused.stderr
        assert refused.stderr.count("\n") == 1  # nobody waits for a certificate to become good
        warned = puller(NAME, "-r", server.url, env={"PYTHONWARNINGS": "ignore:Unverified HTTPS request"})
        assert warned.code == 5
        puller.pull(server, "--ca-cert", authority, lang=lang)
        assert puller.is_whole()
        puller.pull(server, "--insecure", "-o", "other.tar", lang=lang)


def test_progress_that_stands_still_is_moved_on(puller: Puller) -> None:
    """A connection that goes silent is given up and its range fetched anew; the log says why."""
    silent = {0, 2, 5}

    def fault(ask: Ask) -> None:
        if ask.number in silent:
            ask.give(0.4)
            ask.wire.stall()
        else:
            ask.give()

    began = time.monotonic()
    with RudeServer(RudeRegistry(FIVE, fault)) as server:
        puller.pull(server, "-t", "1")
    assert time.monotonic() - began < 30
    assert puller.is_whole()
    retries = [line for line in puller.log if line.startswith("[WARNING] retry")]
    assert len(retries) >= 3
    assert all(re.search(r"reason: .+ wait: ", line) for line in retries)


def test_fewer_threads_are_fewer_connections(puller: Puller) -> None:
    """`-t 3`, for a host that takes no more: three, and the archive."""
    image = make_image([400_000] * 6, seed=81)
    most, now, lock = [0], [0], threading.Lock()

    def fault(ask: Ask) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            ask.give() if now[0] <= 3 else ask.wire.reply(429)
        finally:
            with lock:
                now[0] -= 1

    with RudeServer(RudeRegistry(image, fault, rate=1e6)) as server:
        puller.pull(server, "-t", "3")
    assert most[0] == 3
    assert puller.is_whole(image)
    assert not any("429" in line for line in puller.log)


@LANGUAGES
def test_the_log_says_what_is_whole(puller: Puller, lang: str) -> None:
    """A line for each layer when its SHA-256 is right, none for one that is not."""
    bad = str(FIVE.layers[1].digest)

    def fault(ask: Ask) -> None:
        if ask.request.target.endswith(bad):
            ask.data = bytes(len(ask.data))
        ask.give()

    done = {"en": "complete", "zh_CN": "下载完成"}[lang]
    with RudeServer(RudeRegistry(FIVE, fault)) as server:
        puller.pull(server, "-t", "1", code=6, lang=lang)
        marked = [line for line in puller.log if line.startswith("[INFO] sha256:") and line.endswith(done)]
        assert not any(short(FIVE, 1) in line for line in marked)
        assert any(short(FIVE, 0) in line for line in marked)
        server.handler = RudeRegistry(FIVE)
        puller.pull(server, lang=lang)
    marked = [line for line in puller.log if line.startswith("[INFO] sha256:") and line.endswith(done)]
    assert any(short(FIVE, 1) in line for line in marked)
