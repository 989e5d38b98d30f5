"""Pulls from real registries: open, with passwords, with tokens, with TLS, and through mirrors."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Dict

import pytest
import trustme
from support.command import Command
from support.images import MadeImage, make_image
from support.registries import PASSWORD, USER, Registry, capped

pytestmark = pytest.mark.real

AUTH, NOT_FOUND, NETWORK = 4, 3, 5


def docker_config(directory: Path, hosts: Dict[str, Dict[str, str]]) -> Dict[str, str]:
    """An environment in which Docker's own config.json holds these entries."""
    (directory / "docker").mkdir()
    (directory / "docker" / "config.json").write_text(json.dumps({"auths": hosts}))
    return {"DOCKER_CONFIG": str(directory / "docker")}


def encoded(user: str, password: str) -> Dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_two_pulls_are_equal(registry: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """The archive's bytes depend on the image alone, not on the connections or the run."""
    reference = registry.push("team/app", "1", runnable)
    first = dockferry.pull(reference, "-t", "1").read_bytes()
    assert dockferry.pull(reference, "-t", "7").read_bytes() == first


def test_two_registries_give_equal_archives(
    registry: Registry, other_registry: Registry, dockferry: Command, runnable: MadeImage
) -> None:
    """Fetched from a mirror, the archive still carries the image's own name, and is the same to the byte."""
    reference = registry.push("team/app", "1", runnable)
    other_registry.push("team/app", "1", runnable)
    other_registry.push("hub/team/app", "1", runnable)
    direct = dockferry.pull(reference).read_bytes()
    assert dockferry.pull(reference, "-r", other_registry.host).read_bytes() == direct
    assert dockferry.pull(reference, "-r", f"{other_registry.host}/hub").read_bytes() == direct


def test_several_mirrors_work_at_once(registry: Registry, other_registry: Registry, dockferry: Command) -> None:
    """Through two mirrors, each slow for a connection, comes the same archive."""
    image = make_image([3_000_000, 200_000])
    reference = registry.push("team/large", "1", image)
    other_registry.push("team/large", "1", image)
    direct = dockferry.pull(reference).read_bytes()
    with capped(registry, "500k") as first, capped(other_registry, "500k") as second:
        archive = dockferry.pull(reference, "-r", f"{first},{second}", "-t", "8")
    assert archive.read_bytes() == direct


def test_connections_add_up(registry: Registry, dockferry: Command) -> None:
    """Where each connection gets 500 kB/s, eight bring 4 MB in much less than the 8 s that one needs."""
    image = make_image([4_000_000])
    reference = registry.push("team/large", "one-layer", image)
    with capped(registry, "500k") as slow:
        started = time.monotonic()
        dockferry.pull(reference, "-r", slow, "-t", "8")
        assert time.monotonic() - started < 5


def test_a_tag_that_is_not_there(registry: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """Exit code 3, and no file is left."""
    registry.push("team/app", "1", runnable)
    done = dockferry("pull", f"{registry.host}/team/app:missing", "-o", "missing.tar")
    assert done.code == NOT_FOUND, done.stderr
    assert "missing" in done.stderr
    assert not list(dockferry.directory.glob("missing.tar*"))


def test_passwords_from_stdin(registry_htpasswd: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """`-u USER --password-stdin` opens a registry with Basic authentication; the password may hold anything."""
    reference = registry_htpasswd.push("team/app", "1", runnable)
    dockferry.pull(reference, "-u", USER, "--password-stdin", stdin=f"{PASSWORD}\n")


def test_wrong_passwords_are_refused(registry_htpasswd: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """Exit code 4, the registry named and the password not shown."""
    reference = registry_htpasswd.push("team/app", "1", runnable)
    for options in ([], ["-u", USER, "--password-stdin"]):
        done = dockferry("pull", reference, "-o", "app.tar", *options, stdin="guessed-wrongly")
        assert done.code == AUTH, done.stderr
        assert registry_htpasswd.host in done.stderr
        assert "guessed-wrongly" not in done.stdout + done.stderr


def test_passwords_from_dockers_config(
    registry_htpasswd: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """What `docker login` wrote is used, for the host it was written for."""
    reference = registry_htpasswd.push("team/app", "1", runnable)
    env = docker_config(tmp_path, {registry_htpasswd.host: encoded(USER, PASSWORD)})
    dockferry.pull(reference, env=env)


def test_anonymous_tokens(registry_token: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """A public repository needs a token, but no credentials; one token serves the whole pull."""
    reference = registry_token.push("public/app", "1", runnable)
    dockferry.pull(reference)
    assert registry_token.tokens is not None
    assert [(asked.user, asked.scopes) for asked in registry_token.tokens.requests] == [
        ("", ("repository:public/app:pull",))
    ]


def test_tokens_for_a_user(registry_token: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """A private repository opens with user and password, and not without."""
    reference = registry_token.push("private/app", "1", runnable)
    assert dockferry("pull", reference, "-o", "app.tar").code == AUTH
    dockferry.pull(reference, "-u", USER, "--password-stdin", stdin=PASSWORD)
    assert registry_token.tokens is not None
    assert registry_token.tokens.requests[-1].user == USER


def test_identity_tokens_from_dockers_config(
    registry_token: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """An identity token, as single sign-on leaves it, is exchanged for one that pulls."""
    reference = registry_token.push("private/app", "1", runnable)
    entry = {"auth": encoded("<token>", "")["auth"], "identitytoken": f"refresh-{USER}"}
    dockferry.pull(reference, env=docker_config(tmp_path, {registry_token.host: entry}))
    assert registry_token.tokens is not None
    assert registry_token.tokens.requests[-1].method == "POST"


def test_tokens_that_expire_on_the_way(registry_token: Registry, dockferry: Command) -> None:
    """A pull that takes longer than its tokens live gets new ones and keeps its bytes."""
    assert registry_token.tokens is not None
    image = make_image([500_000] * 6)
    reference = registry_token.push("public/long", "1", image)
    expected = dockferry.pull(reference).read_bytes()
    registry_token.tokens.lifetime = 1
    registry_token.tokens.requests.clear()
    with capped(registry_token, "500k") as slow:
        archive = dockferry.pull(reference, "-r", slow, "-t", "2")
    assert archive.read_bytes() == expected
    assert len(registry_token.tokens.requests) > 1


def test_tls_with_an_authority_of_its_own(registry_tls: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """`--ca-cert` names the authority; `--insecure` is the other way in."""
    reference = registry_tls.push("team/app", "1", runnable)
    trusted = dockferry.pull(reference, "--ca-cert", str(registry_tls.ca_file)).read_bytes()
    assert dockferry.pull(reference, "--insecure").read_bytes() == trusted


def test_tls_from_an_unknown_authority(
    registry_tls: Registry, dockferry: Command, runnable: MadeImage, tmp_path: Path
) -> None:
    """Without `--ca-cert`, or with that of another authority, nothing is pulled; the message names the remedy."""
    reference = registry_tls.push("team/app", "1", runnable)
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    for options in ([], ["--ca-cert", str(stranger)]):
        done = dockferry("pull", reference, "-o", "app.tar", *options)
        assert done.code == NETWORK, done.stderr
        assert "--ca-cert" in done.stderr
    assert not list(tmp_path.glob("app.tar*"))


def test_tags(registry: Registry, dockferry: Command, runnable: MadeImage) -> None:
    """`tags` lists what was pushed, one a line in the registry's order, and nothing else on stdout."""
    for tag in ("1.0", "1.1", "latest"):
        registry.push("team/tagged", tag, runnable)
    done = dockferry("tags", f"{registry.host}/team/tagged")
    assert (done.code, sorted(done.stdout.splitlines())) == (0, ["1.0", "1.1", "latest"])
