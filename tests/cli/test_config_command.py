"""The configuration at work: a file's mirrors, numbers and progress in a real run, and `dockferry config`."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Dict, List

import pytest
from support.command import Command
from support.images import make_image
from support.rude import RudeServer
from support.served import store_of

from dockferry.config.document import parse_document
from dockferry.serve import Served, serve

IMAGE = make_image([200_000], seed=3)
OTHER = make_image([100_000], seed=4)


def configure(directory: Path, text: str) -> Dict[str, str]:
    """Write the file; the environment that names it."""
    path = directory / "c.toml"
    path.write_text(text, encoding="utf-8")
    return {"DOCKFERRY_CONFIG": str(path)}


def test_the_files_mirrors_are_used_with_the_origin(dockferry: Command, tmp_path: Path) -> None:
    """The registry's own mirrors, found by its name; both are asked for the tag."""
    asked: Dict[str, List[Served]] = {"origin": [], "mirror": []}
    with ExitStack() as stack:
        origin = stack.enter_context(serve(store_of(IMAGE), on_request=asked["origin"].append))
        mirror = stack.enter_context(serve(store_of(IMAGE, "hub/demo/app"), on_request=asked["mirror"].append))
        env = configure(tmp_path, f'[registries."{origin.host}"]\nmirrors = ["{mirror.host}/hub"]')
        dockferry.pull(f"{origin.host}/demo/app:1.0", env=env)
    assert any(served.target == "/v2/demo/app/manifests/1.0" for served in asked["origin"])
    assert any(served.target == "/v2/hub/demo/app/manifests/1.0" for served in asked["mirror"])


def test_without_the_origin_where_the_file_says_so(dockferry: Command, tmp_path: Path) -> None:
    """`origin = false`: the mirrors take its place, and `--with-origin` brings it back."""
    asked: List[Served] = []
    with serve(store_of(IMAGE), on_request=asked.append) as origin, serve(store_of(IMAGE)) as mirror:
        env = configure(tmp_path, f'[registries."{origin.host}"]\nmirrors = ["{mirror.host}"]\norigin = false')
        dockferry.pull(f"{origin.host}/demo/app:1.0", env=env)
        assert asked == []
        dockferry.pull(f"{origin.host}/demo/app:1.0", "--with-origin", env=env)
    assert asked != []


def test_r_takes_the_place_of_what_the_file_says(dockferry: Command, tmp_path: Path) -> None:
    """`-r` names all that is asked: neither the file's mirrors nor the origin."""
    asked: List[Served] = []
    with serve(store_of(IMAGE), on_request=asked.append) as origin, serve(store_of(IMAGE)) as mirror:
        text = f'[registries."{origin.host}"]\nmirrors = ["{origin.host}/other"]\ntrust = "{origin.host}"'
        dockferry.pull(f"{origin.host}/demo/app:1.0", "-r", mirror.host, env=configure(tmp_path, text))
    assert asked == []


def test_a_disagreement_ends_with_code_6(dockferry: Command, tmp_path: Path) -> None:
    """As a line that says who said what; `--trust`, and `trust` in the file, settle it."""
    with serve(store_of(IMAGE)) as origin, serve(store_of(OTHER)) as mirror:
        text = f'[registries."{origin.host}"]\nmirrors = ["{mirror.host}"]\n'
        name = f"{origin.host}/demo/app:1.0"
        env = configure(tmp_path, text)
        refused = dockferry("pull", name, env=env)
        assert refused.code == 6
        assert refused.stderr.count("\n") == 1
        assert f"{mirror.host} says {OTHER.digest}" in refused.stderr
        trusting = dockferry("inspect", name, "--json", "--trust", mirror.host, env=env)
        assert json.loads(trusting.stdout)["digest"] == str(OTHER.digest)
        settled = dockferry("inspect", name, "--json", env=configure(tmp_path, f'{text}trust = "{origin.host}"'))
        assert json.loads(settled.stdout)["digest"] == str(IMAGE.digest)


@pytest.mark.parametrize(
    ("options", "env", "count"),
    [((), {}, 3), ((), {"DOCKFERRY_RETRIES": "2"}, 2), (("--retries", "1"), {"DOCKFERRY_RETRIES": "2"}, 1)],
)
def test_the_tries_come_from_flag_environment_or_file(
    dockferry: Command, tmp_path: Path, options: List[str], env: Dict[str, str], count: int
) -> None:
    """In this order; counted at a server that has no answer."""
    named = configure(tmp_path, "retries = 3\nretry_base = 0.1\nretry_max = 0.2")
    with RudeServer(lambda request, wire: wire.reply(503)) as server:
        done = dockferry("tags", f"{server.host}/demo/app", *options, env={**named, **env})
        assert done.code == 5
        assert len(server.requests) == count


def test_a_timeout_from_the_file_ends_a_silence(dockferry: Command, tmp_path: Path) -> None:
    """A server that takes the request and says nothing is left after the time that was set."""
    env = configure(tmp_path, "first_byte_timeout = 0.3\nretries = 1")
    with RudeServer(lambda request, wire: wire.stall()) as server:
        done = dockferry("tags", f"{server.host}/demo/app", env=env)
    assert done.code == 5
    assert "0.3" in done.stderr


def test_progress_from_the_environment_is_json_to_the_end(dockferry: Command, tmp_path: Path) -> None:
    """Events and the failure too, as with --progress json."""
    env = {"DOCKFERRY_PROGRESS": "json", "DOCKFERRY_RETRIES": "1"}
    with serve(store_of(IMAGE)) as origin:
        done = dockferry("pull", f"{origin.host}/demo/app:1.0", "-o", "no/such/dir/a.tar", env=env)
        assert done.code == 7
        assert json.loads(done.stderr)["event"] == "failed"
        done = dockferry("pull", f"{origin.host}/demo/app:1.0", "-o", "a.tar", env=env)
        assert json.loads(done.stderr.splitlines()[0])["event"] == "resolved"


def test_a_wrong_file_is_one_line(dockferry: Command, tmp_path: Path) -> None:
    """Exit 2, before anything is asked of the network; `--config` comes before the environment's."""
    env = configure(tmp_path, "retrys = 3")
    wrong = dockferry("pull", "nginx", env=env)
    assert wrong.code == 2
    assert wrong.stderr == f"dockferry: {tmp_path / 'c.toml'}: no such key: 'retrys'; did you mean retries?\n"
    (tmp_path / "good.toml").touch()
    assert dockferry("config", "--config", "good.toml", env=env).code == 0


def test_config_shows_what_is_in_force_and_from_where(dockferry: Command, tmp_path: Path) -> None:
    """In the file's own form, which can be read back; a proxy's login is not shown."""
    env = configure(
        tmp_path,
        'retries = 7\nproxy = "http://me:hunter2@p.example:3128"\n'
        '[registries."docker.io"]\nmirrors = ["m.example/hub"]\ntrust = "docker.io"',
    )
    done = dockferry("config", env={**env, "DOCKFERRY_IDLE_TIMEOUT": "12.5"})
    assert done.code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["#", "file:", str(tmp_path / "c.toml")]
    assert ["retries", "=", "7", "#", str(tmp_path / "c.toml")] in lines
    assert ["idle_timeout", "=", "12.5", "#", "DOCKFERRY_IDLE_TIMEOUT"] in lines
    assert ["connect_timeout", "=", "10", "#", "default"] in lines
    assert "hunter2" not in done.stdout
    again = parse_document(done.stdout, "again")
    assert again.values["retries"] == 7
    assert again.values["idle_timeout"] == 12.5
    assert again.registries["docker.io"].trust == "docker.io"


def test_config_without_a_file_says_where_it_would_be(dockferry: Command, tmp_path: Path) -> None:
    """So that a user knows where to put one."""
    done = dockferry("config")
    first = done.stdout.splitlines()[0]
    assert first.startswith("# file: ")
    assert first.endswith("config.toml (not there)")
    assert str(tmp_path) in first


def test_the_threads_of_the_file_are_the_default(dockferry: Command, tmp_path: Path) -> None:
    """`-t` comes before them."""
    env = configure(tmp_path, "threads = 1")
    clients = []
    for options in ((), ("-t", "4")):
        asked: List[Served] = []
        image = make_image([150_000] * 6, seed=9)
        with serve(store_of(image), rate=1e6, on_request=asked.append) as origin:
            dockferry.pull(f"{origin.host}/demo/app:1.0", *options, env=env)
        clients.append(len({served.client for served in asked if "/blobs/" in served.target}))
    assert clients[0] <= 2 < clients[1]


def test_starting_up_reads_no_configuration() -> None:
    """`--help` and the grammar load neither the file's parser nor the registry's modules."""
    code = (
        "import sys; from dockferry.cli.parser import parse; parse(['pull', 'x', '--retries', '3']);"
        "print([m for m in ('tomllib', 'tomli', 'urllib3', 'ssl', 'dockferry.config.document') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == "[]\n"
