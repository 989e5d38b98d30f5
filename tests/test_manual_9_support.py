"""The manual, section 9: the log has what a report needs (command line, versions, image) and no secret."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest
from support.canaries import PASSWORD, PROXY_PASSWORD, PROXY_USER, SIGNATURE, USER, found_in, kept_in
from support.login import GuardedRegistry
from support.manual import FIVE, LANGUAGES, NAME, QUICK, Puller
from support.proxies import HttpProxy
from support.rude import RudeServer
from support.rude_registry import RudeRegistry

import dockferry


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


@LANGUAGES
def test_the_log_begins_with_versions_and_the_command(puller: Puller, lang: str) -> None:
    """Of dockferry, Python and the system; then the command line as it was typed; then the image."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server, "-t", "3", lang=lang)
        url = server.url
    first, second, third = puller.log[:3]
    assert first.startswith(f"[INFO] dockferry {dockferry.__version__}, Python {platform.python_version()}, ")
    assert platform.system() in first
    assert second == f"[INFO] python docker_image_puller.py {NAME} -r {url} {' '.join(QUICK)} -t 3"
    assert third == f"[INFO] pull {NAME}"


def test_a_failure_is_in_the_log_with_them(puller: Puller) -> None:
    """What is to be reported stands at the end of what is sent along."""
    with RudeServer(lambda request, wire: wire.reply(404)) as server:
        done = puller.pull(server, code=3)
    assert puller.log[2] == f"[INFO] pull {NAME}"
    assert puller.log[-1].startswith("[ERROR] ")
    assert puller.log[-1][len("[ERROR] ") :] == done.stderr.splitlines()[-1][len("dockferry: ") :]


@LANGUAGES
def test_no_secret_is_in_the_log(puller: Puller, tmp_path: Path, lang: str) -> None:
    """Neither the password nor the proxy's login, nor a signed query, though all were typed."""
    with HttpProxy(f"{PROXY_USER}:{PROXY_PASSWORD}") as proxy, RudeServer(GuardedRegistry(FIVE)) as server:
        host = proxy.host
        url = f"http://{PROXY_USER}:{PROXY_PASSWORD}@{host}"
        mirror = f"http://registry.test:{server.port}"
        words = [NAME, "-r", mirror, "--proxy", url, "-u", USER, "--password-stdin", *QUICK]
        done = puller(*words, stdin=PASSWORD, lang=lang)
        assert done.code == 0, done.stderr
        second = puller(*words[:3], f"--proxy={url}", *words[5:], stdin="wrong", lang=lang)
        assert second.code == 4
    assert found_in(done.stderr + done.stdout + second.stderr) == []
    assert kept_in(tmp_path) == {}
    commands = [line for line in puller.log if "docker_image_puller.py" in line]
    assert len(commands) == 2
    assert all(f"-u {USER} --password-stdin" in line and host in line for line in commands)


@pytest.mark.parametrize("word", [f"{USER}:{PASSWORD}@m.example", f"http://{USER}:{PASSWORD}@m.example/hub"])
def test_a_mirror_with_a_login_is_refused_and_not_logged(puller: Puller, tmp_path: Path, word: str) -> None:
    """What was refused for its login does not keep it in the log."""
    done = puller(NAME, "-r", word)
    assert done.code == 2
    assert found_in(done.stderr) == []
    assert kept_in(tmp_path) == {}
    assert any("m.example" in line for line in puller.log)


def test_a_signed_query_is_not_logged(puller: Puller, tmp_path: Path) -> None:
    """Wherever it was typed."""
    puller(NAME, "-r", f"http://127.0.0.1:1/x?X-Amz-Signature={SIGNATURE}", "--retries", "1")
    assert kept_in(tmp_path) == {}


def test_what_is_not_a_terminals_is_kept_out(puller: Puller) -> None:
    """An argument's line ends and escapes stand in no line of the log."""
    puller(NAME, "-o", "a\x1b[31m\nb\u202e.tar", "-r", "127.0.0.1:1", "--retries", "1")
    text = (puller.directory / "docker_puller.log").read_text(encoding="utf-8")
    assert re.search("[\x00-\x09\x0b-\x1f\u202e]", text) is None
