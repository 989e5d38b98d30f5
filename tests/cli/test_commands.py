"""The commands from end to end: the program in a process of its own, against a registry on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from support.command import Command, environment
from support.images import MadeImage, make_image
from support.served import store_of
from support.terminal import run_in_terminal

from dockferry.serve import Running, serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def image() -> MadeImage:
    return make_image([300_000, 5_000, 120_000], settings={"Cmd": ["/bin/sh", "\x1b[2J"], "Env": ["A=1"]})


@pytest.fixture(scope="module")
def registry(image: MadeImage) -> Iterator[Running]:
    with serve(store_of(image, "demo/app", "1.0", "2.0")) as running:
        yield running


@pytest.fixture
def name(registry: Running) -> str:
    return f"{registry.host}/demo/app:1.0"


def test_pull_prints_the_path_and_nothing_else(dockferry: Command, name: str) -> None:
    """Standard output is for scripts, the summary for people is on standard error."""
    done = dockferry("pull", name, "-o", "app.tar")
    assert (done.code, done.stdout) == (0, "app.tar\n")
    assert "load:    docker load -i app.tar\n" in done.stderr
    assert (dockferry.directory / "app.tar").is_file()


def test_a_second_pull_says_that_it_is_there(dockferry: Command, name: str) -> None:
    """Nothing is fetched, and the result is the same."""
    assert dockferry("pull", name, "-o", "app.tar").code == 0
    done = dockferry("pull", name, "-o", "app.tar")
    assert (done.code, done.stdout) == (0, "app.tar\n")
    assert "fetched: nothing" in done.stderr


def test_quiet_is_quiet(dockferry: Command, name: str) -> None:
    """`-q`: the path, and no word on standard error."""
    done = dockferry("pull", "-q", name, "-o", "app.tar")
    assert (done.code, done.stdout, done.stderr) == (0, "app.tar\n", "")


def test_json_lines_tell_the_pull(dockferry: Command, name: str, image: MadeImage) -> None:
    """Every line is an object: resolved first, finished last, a blob_done for each layer."""
    done = dockferry("pull", "--progress", "json", name, "-o", "app.tar")
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert told[0]["event"] == "resolved"
    assert told[-1]["event"] == "finished"
    proved = {one["digest"] for one in told if one["event"] == "blob_done"}
    assert {str(layer.digest) for layer in image.layers} <= proved


def test_a_failure_is_json_too(dockferry: Command, registry: Running) -> None:
    """The last line says why, with the exit code."""
    done = dockferry("pull", "--progress", "json", f"{registry.host}/demo/app:none", "-o", "app.tar")
    last = json.loads(done.stderr.splitlines()[-1])
    assert done.code == last["exit_code"] == 3
    assert last["event"] == "failed"


def test_a_terminal_sees_the_summary_and_its_cursor(tmp_path: Path, name: str) -> None:
    """The whole way on a real terminal."""
    command = [sys.executable, "-m", "dockferry", "pull", name, "-o", "app.tar"]
    drawn = run_in_terminal(
        command, environment={**environment(tmp_path), "TERM": "xterm-256color"}, directory=tmp_path
    )
    assert drawn.code == 0
    assert "load:    docker load -i app.tar" in drawn.text
    assert drawn.raw.rindex("\x1b[?25h") > drawn.raw.rindex("\x1b[?25l")


def test_several_images_go_into_a_directory(dockferry: Command, registry: Running) -> None:
    """Each has its default name; one that is not there keeps the other from nothing."""
    (dockferry.directory / "images").mkdir()
    names = [f"{registry.host}/demo/app:{tag}" for tag in ("1.0", "none", "2.0")]
    done = dockferry("pull", "-q", *names, "-o", "images", "-a", "amd64")
    assert done.code == 3
    paths = [dockferry.directory / line for line in done.stdout.splitlines()]
    assert [path.name.endswith(f"demo_app_{tag}_amd64.tar") for path, tag in zip(paths, ("1.0", "2.0"))] == [
        True,
        True,
    ]
    assert all(path.is_file() for path in paths)
    assert done.stderr.splitlines()[1:] == [f"dockferry: 1 of 3 failed: {names[1]}"]


def test_several_images_into_one_file_is_wrong_usage(dockferry: Command) -> None:
    """Told before anything is asked of a registry."""
    done = dockferry("pull", "a", "b", "-o", "both.tar")
    assert done.code == 2
    assert done.stderr == (
        "dockferry: --output: wanted a directory that is there for 2 images, got 'both.tar'; "
        "make the directory, or pull one image at a time\n"
    )


def test_a_bad_name_among_good_ones_is_told_first(dockferry: Command, name: str) -> None:
    """No download begins before all names are understood."""
    done = dockferry("pull", name, "UPPER/Case")
    assert done.code == 2
    assert "did you mean" in done.stderr
    assert list(dockferry.directory.glob("*.tar*")) == []


def test_the_log_file_is_written(dockferry: Command, name: str) -> None:
    """Beside the quiet."""
    assert dockferry("pull", "-q", name, "-o", "app.tar", "--log-file", "pull.log").code == 0
    log = (dockferry.directory / "pull.log").read_text(encoding="utf-8")
    assert f"[INFO] pull {name}\n" in log
    assert " complete\n" in log
    assert "[INFO] load:    docker load -i app.tar\n" in log


def test_verify_says_good_or_what_is_wrong(dockferry: Command, name: str) -> None:
    """One line for each archive; one changed byte is exit 6, and the others are still checked."""
    good = dockferry.pull(name)
    bad = dockferry.pull(name)
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 1
    bad.write_bytes(data)
    done = dockferry("verify", "-q", str(bad), str(good), "--deep")
    assert done.code == 6
    assert done.stdout.startswith(f"{good}: good, 5 blobs, ")
    assert done.stdout.count("\n") == 1
    assert done.stderr.startswith("dockferry: ")
    assert done.stderr.splitlines()[1:] == [f"dockferry: 1 of 2 failed: {bad}"]


def test_verify_counts_what_it_proved(dockferry: Command, name: str) -> None:
    """Blobs by their digests, unpacked layers by their diff_ids; an archive without a manifest has no reference."""
    dockferry("pull", name, "-o", "a.tar")
    dockferry("pull", name, "-o", "old.tar", "--format", "docker-legacy")
    deep = dockferry("verify", "--deep", "a.tar")
    assert re.search(r"a\.tar: good, 5 blobs, 3 layers unpacked, .*@sha256:", deep.stdout), deep.stdout
    assert re.search(r"\[INFO\] sha256:[0-9a-f]{12} verified", deep.stderr)
    old = dockferry("verify", "old.tar").stdout
    assert re.search(r"old\.tar: good, 3 layers unpacked, .*/demo/app:1\.0 \(sha256:", old), old


@pytest.mark.parametrize(("form", "kind"), [("oci", "oci-archive"), ("oci-dir", "oci")])
def test_the_load_command_names_the_image(dockferry: Command, name: str, form: str, kind: str) -> None:
    """It can be pasted as it stands."""
    digest = json.loads(dockferry("inspect", name, "--json").stdout)["digest"]
    done = dockferry("pull", f"{name}@{digest}", "-o", "it", "--format", form)
    assert f"skopeo copy {kind}:it containers-storage:{name}\n" in done.stderr


def test_inspect_shows_an_archive_and_an_image_alike(dockferry: Command, name: str, image: MadeImage) -> None:
    """The same digest and layers from the file and from the registry; nothing that acts on a terminal."""
    archive = dockferry.pull(name, "-a", "amd64")
    for what in (str(archive), name):
        done = dockferry("inspect", what, *(("-a", "amd64") if what == name else ()))
        assert done.code == 0
        assert f"digest:   {image.digest}\n" in done.stdout
        assert [layer.digest.short in done.stdout for layer in image.layers] == [True] * 3
        assert "\x1b" not in done.stdout
        as_json = json.loads(dockferry("inspect", what, "--json", "-a", "amd64").stdout)
        assert as_json["digest"] == str(image.digest)


def test_inspect_of_a_path_that_is_not_there_asks_no_registry(dockferry: Command) -> None:
    """A mistyped file name is not taken for an image's."""
    for what in ("./app", "missing.tar", "/no/such/dir"):
        done = dockferry("inspect", what)
        assert done.code == 3
        assert "no such file" in done.stderr


def test_tags_are_listed_a_line_each(dockferry: Command, registry: Running) -> None:
    """Ready for a script."""
    done = dockferry("tags", f"{registry.host}/demo/app")
    assert (done.code, done.stdout, done.stderr) == (0, "1.0\n2.0\n", "")


def test_the_manuals_command_pulls_and_logs(tmp_path: Path, registry: Running) -> None:
    """`python docker_image_puller.py IMAGE -r HOST -t N` from a checkout: archive and docker_puller.log."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "docker_image_puller.py"), "demo/app:1.0", "-r", registry.host, "-t", "3"],
        cwd=tmp_path,
        env={name: value for name, value in environment(tmp_path).items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.strip()).is_file()
    assert os.path.basename(done.stdout.strip()).startswith("demo_app_1.0_")
    assert "[INFO] pull demo/app:1.0\n" in (tmp_path / "docker_puller.log").read_text(encoding="utf-8")
