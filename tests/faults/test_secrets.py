"""Secrets: each goes to the host that it belongs to, and stands nowhere else: no log, output, journal or argv."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest
from support.canaries import PASSWORD, PROXY_PASSWORD, PROXY_USER, SIGNATURE, TOKEN, USER, found_in, kept_in, seen_by
from support.command import environment
from support.proxies import HttpProxy
from support.pulls import ACCESS, IMAGE, NAME, Bench, check
from support.rude import Request, RudeServer, Wire
from support.rude_registry import Ask, RudeRegistry


class Estate:
    """A registry with tokens and its own storage, a mirror that needs no login, and the proxy before all of them.

    The storage cuts bodies, and refuses its third request with its own URL in the error.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.proxy: HttpProxy = stack.enter_context(HttpProxy(f"{PROXY_USER}:{PROXY_PASSWORD}"))
        self.behind = RudeRegistry(IMAGE, lambda ask: ask.cut(0.5), rate=1e6)
        self.storage = stack.enter_context(RudeServer(self._store))
        self.tokens = stack.enter_context(RudeServer(self._token))
        self.front = stack.enter_context(RudeServer(self._front))
        self.mirror = stack.enter_context(RudeServer(RudeRegistry(IMAGE, rate=5e5)))
        self.refused = 0

    @property
    def mirrors(self) -> str:
        return f"http://registry.test:{self.front.port},http://mirror.test:{self.mirror.port}"

    def _token(self, request: Request, wire: Wire) -> None:
        wire.reply(200, json.dumps({"token": TOKEN}).encode())

    def _front(self, request: Request, wire: Wire) -> None:
        realm = f"http://registry.test:{self.tokens.port}/token"
        if request.header("authorization") != f"Bearer {TOKEN}":
            wire.reply(401, b"", [("WWW-Authenticate", f'Bearer realm="{realm}",service="s"')])
        elif "/blobs/" in request.target:
            name = request.target.rpartition("/")[2]
            away = f"http://storage.test:{self.storage.port}/{name}?X-Amz-Signature={SIGNATURE}&x=1"
            wire.reply(307, b"", [("Location", away)])
        else:
            self.behind(request, wire)

    def _store(self, request: Request, wire: Wire) -> None:
        self.refused += 1
        if self.refused == 3:
            said = f"no: http://storage.test{request.target}"
            wire.reply(403, json.dumps({"errors": [{"code": "DENIED", "message": said}]}).encode())
        else:
            self.behind(request, wire)


@pytest.fixture
def estate() -> Iterator[Estate]:
    with ExitStack() as stack:
        yield Estate(stack)


def run(estate: Estate, folder: Path, argv: List[str]) -> Tuple[str, str]:
    """The command line with all four secrets: its output, and its arguments as other users see them."""
    proxy = f"http://{PROXY_USER}:{PROXY_PASSWORD}@{estate.proxy.host}"
    process = subprocess.Popen(
        [sys.executable, "-m", "dockferry", *argv],
        cwd=folder,
        env={**environment(folder), "http_proxy": proxy, "DOCKFERRY_DEBUG": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdin is not None
    process.stdin.write(PASSWORD.encode())
    process.stdin.close()
    process.stdin = None
    seen = ""
    while process.poll() is None and not estate.storage.requests:
        seen += Path(f"/proc/{process.pid}/cmdline").read_text(errors="replace")
    out, _ = process.communicate(timeout=60)
    return out.decode(errors="replace"), seen


@pytest.mark.rule(2, 5, 12)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_secrets_stay_where_they_belong(estate: Estate, tmp_path: Path, wanted: bytes) -> None:
    """Password, token, signed query and the proxy's login, in a run that fails and one that gets there."""
    argv = ["pull", NAME, "-r", estate.mirrors, "-u", USER, "--password-stdin", "-o", "a.tar"]
    argv += ["--progress", "json", "--log-file", "log.txt"]
    broken = [True]

    def once(ask: Ask) -> None:
        if broken[0] and ask.number > 5:
            ask.wire.reply(302, b"", [("Location", f"file:///etc/passwd?sig={SIGNATURE}")])
        else:
            ask.cut(0.5)

    estate.behind.fault = once
    mirror, estate.mirror.handler = estate.mirror.handler, lambda request, wire: wire.reply(403, b"no")
    half, seen = run(estate, tmp_path, argv)
    unfinished = sorted(path.name for path in tmp_path.glob("a.tar*"))
    assert unfinished == ["a.tar.part", "a.tar.part.journal"], half[-2000:]
    assert kept_in(tmp_path) == {}
    broken[0] = False
    estate.mirror.handler = mirror
    done, more = run(estate, tmp_path, argv)
    assert (tmp_path / "a.tar").read_bytes() == wanted, done[-2000:]

    assert NAME in seen.replace("\0", " ")
    assert found_in(seen + more) == []
    assert "failed" in half
    assert found_in(half + done) == []
    assert kept_in(tmp_path) == {}
    assert seen_by(estate.tokens) == ["password"]
    assert seen_by(estate.front) == ["token"]
    assert seen_by(estate.storage) == ["signature"]
    assert estate.mirror.requests
    assert seen_by(estate.mirror) == []


@pytest.mark.rule(2)
def test_a_netrc_replaces_nothing(bench: Bench, wanted: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A .netrc at home with a login for every host: it is not read, and what is sent stays ours."""
    (bench.directory / ".netrc").write_text("default login netrc-user password CANARY-netrc\n")
    monkeypatch.setenv("HOME", str(bench.directory))
    monkeypatch.setenv("NETRC", str(bench.directory / ".netrc"))
    storage = bench.serve(RudeRegistry(IMAGE))

    def redirect(ask: Ask) -> None:
        ask.wire.reply(307, b"", [("Location", f"{storage.url}{ask.request.target}")])

    registry = RudeRegistry(IMAGE, redirect)

    def front(request: Request, wire: Wire) -> None:
        if request.header("authorization"):
            registry(request, wire)
        else:
            wire.reply(401, b"", [("WWW-Authenticate", 'Basic realm="x"')])

    server = bench.serve(front)
    result = bench.pull(server, access=replace(ACCESS, username="me", password="mine"))
    (bench.directory / ".netrc").unlink()
    check(bench, wanted, result)
    sent = {request.header("authorization") for request in server.requests}
    assert sent == {None, "Basic bWU6bWluZQ=="}
    assert all(request.header("authorization") is None for request in storage.requests)


@pytest.mark.row(58)
@pytest.mark.rule(11)
def test_remote_text_acts_on_no_terminal(bench: Bench) -> None:
    """Escapes, line ends and bidi characters in an error's body reach neither the error nor an event."""
    nasty = "\x1b[2J\x1b]0;owned\x07\r\nline\u202edesrever\u2066"
    body = json.dumps({"errors": [{"code": "DENIED", "message": nasty}]}).encode()
    server = bench.serve(RudeRegistry(IMAGE, lambda ask: ask.wire.reply(403, body)))
    with pytest.raises(Exception, match="403") as caught:
        bench.pull(server)
    shown = str(caught.value) + repr(bench.events)
    assert not any(char in shown for char in "\x1b\x07\r\n\u202e\u2066")
    assert "\\x1b" not in str(caught.value)
