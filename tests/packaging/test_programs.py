"""Each program that people download does what the installed one does: alone, anywhere, with nothing around it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest
from support.child import wait_for
from support.command import Command
from support.images import assemble, make_image, zstd_frame
from support.programs import BUILD_SECONDS, FROZEN, KINDS, ROOT, Program
from support.proxies import SocksProxy
from support.registries import PASSWORD, USER, Registry, capped
from support.served import store_of
from support.terminal import run_in_terminal

from dockferry._version import __version__
from dockferry.oci.digest import Digest
from dockferry.serve import serve

pytestmark = pytest.mark.timeout(BUILD_SECONDS)
every = pytest.mark.parametrize("program", KINDS, indirect=True)
frozen = pytest.mark.parametrize("program", FROZEN, indirect=True)
renamed = pytest.mark.parametrize("program", ["exe", "pyz-newest"], indirect=True)

IMAGE = make_image([3_000_000, 600_000], seed=11)
INTERRUPTED = 130


@every
def test_it_speaks_both_languages(program: Program) -> None:
    """With an empty environment: its version, help in English and in Chinese, an error of one line."""
    said = program("--version")
    assert (said.returncode, said.stdout.decode(), said.stderr) == (0, f"dockferry {__version__}\n", b"")
    assert program("pull", "--help").stdout.startswith(b"usage: dockferry pull")
    chinese = program("--lang", "zh", "pull", "--help")
    assert chinese.returncode == 0
    assert chinese.stdout.decode().startswith("用法: dockferry pull")
    failed = program("pull", "Nginx", LANG="zh_CN.UTF-8")
    assert (failed.returncode, failed.stderr.decode().count("\n")) == (2, 1)
    assert "镜像 'Nginx'" in failed.stderr.decode()


@every
@pytest.mark.parametrize("encoding", ["cp437", "cp936", "ascii"])
def test_no_console_is_too_narrow(program: Program, encoding: str) -> None:
    """A legacy code page shows Chinese where it has it and escapes where not, and nothing fails."""
    helped = program("pull", "--help", PYTHONIOENCODING=encoding, DOCKFERRY_LANG="zh")
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.startswith("用法".encode("cp936") if encoding == "cp936" else rb"\u7528\u6cd5")
    failed = program("pull", "Nginx", PYTHONIOENCODING=encoding, DOCKFERRY_LANG="zh")
    assert (failed.returncode, failed.stderr[:11]) == (2, b"dockferry: ")


@pytest.mark.real
@every
def test_an_interrupted_pull_goes_on(program: Program, registry: Registry, dockferry: Command) -> None:
    """Ctrl-C at a terminal, which all of its processes hear: exit 130, told once. Then to the end, the bar moving.

    The archive verifies, and is the installed program's.
    """
    reference = registry.push("team/packed", "1", IMAGE)
    target = program.directory / "app.tar"
    part = Path(f"{target}.part.journal")
    with capped(registry, "300k") as slow:
        words = [*program.words, "pull", reference, "-r", slow, "-t", "4", "-o", target.name]
        with subprocess.Popen(
            [*words, "--progress", "plain"],
            cwd=program.directory,
            env=program.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            wait_for(lambda: part.exists() and part.read_bytes().count(b"\n") > 3, process)
            os.killpg(process.pid, signal.SIGINT)
            _, told = process.communicate(timeout=60)
        assert (process.returncode, told.count("interrupted")) == (INTERRUPTED, 1), told
        assert not target.exists()
        drawn = run_in_terminal(words, environment={**program.home, "TERM": "xterm"}, directory=program.directory)
    assert drawn.code == 0, drawn.text
    assert "━" in drawn.text
    proved = program("verify", "--deep", target.name, **program.home)
    assert proved.returncode == 0, proved.stderr
    assert target.read_bytes() == dockferry.pull(reference).read_bytes()
    assert sorted(path.name for path in program.directory.iterdir() if path.name.startswith("app")) == ["app.tar"]


@every
def test_the_demonstration_runs(program: Program) -> None:
    """What every build has to show before it is published: version, Chinese, and the demonstration's children."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "smoke.py"), *program.words],
        cwd=program.directory,
        env=program.home,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stderr.count("smoke:")) == (0, 0), done.stderr


@pytest.mark.real
@every
def test_every_library_is_in_it(program: Program, registry: Registry) -> None:
    """Those that are loaded on use only: for a configuration file, for completion, for a SOCKS proxy."""
    reference = registry.push("team/packed", "1", IMAGE)
    (program.directory / "my.toml").write_text("threads = 7\n", encoding="utf-8")
    assert b"threads = 7" in program("config", "--config", "my.toml", **program.home).stdout
    assert b"complete" in program("completion", "bash").stdout
    with SocksProxy() as proxy:
        done = program("pull", reference, "--proxy", f"socks5://{proxy.host}", "-o", "app.tar", **program.home)
        assert done.returncode == 0, done.stderr
        assert registry.host in proxy.asked


@every
def test_layers_in_every_form_are_unpacked(program: Program) -> None:
    """gzip, bzip2, xz; zstd in an executable, and where the zip's Python has it: else a note says what lacks."""
    plain = b"to be packed" * 10_000
    forms = [gzip.compress(plain), bz2.compress(plain), lzma.compress(plain), zstd_frame(plain)]
    image = assemble([(packed, Digest.of(plain)) for packed in forms], settings={})
    with serve(store_of(image)) as running:
        pulled = program("pull", f"{running.host}/demo/app:1.0", "-o", "app.tar", **program.home)
    assert pulled.returncode == 0, pulled.stderr
    done = program("verify", "--deep", "app.tar", **program.home)
    assert done.returncode == 0, done.stderr
    assert not (b"zstandard" in done.stderr and program.is_frozen)


@renamed
def test_under_the_manuals_name_it_is_the_manuals_command(program: Program) -> None:
    """`docker_image_puller IMAGE [-r HOST] [-t N]`, with the manual's log."""
    manuals = program.called("docker_image_puller-linux")
    assert b"docker_image_puller" in manuals("--help").stdout.splitlines()[0]
    done = manuals("nginx", "-r", "127.0.0.1:1", "-t", "99", **program.home)
    assert done.returncode == 2
    assert b"--threads" in done.stderr
    manuals("nginx", "-r", "127.0.0.1:1", "--retries", "1", **program.home)
    assert (program.directory / "docker_puller.log").is_file()


@pytest.mark.real
@frozen
def test_other_programs_get_their_own_libraries(program: Program, registry_htpasswd: Registry) -> None:
    """A credential helper that it starts has the environment that the user has, and not that of what is frozen."""
    reference = registry_htpasswd.push("team/packed", "1", IMAGE)
    seen = program.directory / "seen"
    helper = program.directory / "docker-credential-quay"
    answer = json.dumps({"ServerURL": "x", "Username": USER, "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\n/usr/bin/env > {seen}\nprintf '%s' '{answer}'\n", encoding="utf-8")
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    (program.directory / ".docker").mkdir()
    (program.directory / ".docker" / "config.json").write_text(json.dumps({"credsStore": "quay"}), encoding="utf-8")
    env: Dict[str, str] = {**program.home, "PATH": str(program.directory), "LD_LIBRARY_PATH": "/opt/of/the/user"}
    done = program("pull", reference, "-o", "app.tar", **env)
    assert done.returncode == 0, done.stderr
    told = dict(line.split("=", 1) for line in seen.read_text().splitlines())
    assert told["LD_LIBRARY_PATH"] == "/opt/of/the/user"
    assert not [name for name in told if name.endswith("_ORIG")]
