"""The manual, section 4: `python docker_image_puller.py <image> [-r/--registry HOST] [-t/--threads 1-20]`."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List

import pytest
from support.manual import ARCHIVE, FIVE, LANGUAGES, NAME, QUICK, Puller
from support.rude import RudeServer
from support.rude_registry import RudeRegistry

from dockferry.cli import language
from dockferry.cli.language import say


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


def for_hub(directory: Path, server: RudeServer) -> Dict[str, str]:
    """The environment in which Docker Hub is `server`: as the configuration may say."""
    text = f'[registries."docker.io"]\nmirrors = ["{server.url}"]\norigin = false\n'
    (directory / "c.toml").write_text(text, encoding="utf-8")
    return {"DOCKFERRY_CONFIG": "c.toml"}


def test_the_default_registry_is_docker_hub(puller: Puller, tmp_path: Path) -> None:
    """`nginx:latest`, as the manual's first example has it."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        done = puller("nginx:latest", env=for_hub(tmp_path, server))
        assert done.code == 0, done.stderr
        assert "/v2/library/nginx/manifests/latest" in server.targets()
    assert done.stdout == "nginx_latest_amd64.tar\n"
    assert puller.is_whole()


@pytest.mark.parametrize("flags", [("-r", "-t"), ("--registry", "--threads")])
def test_the_second_example(puller: Puller, flags: List[str]) -> None:
    """`infiniflow/ragflow:v0.17.0 -r docker.1ms.run -t 10`, with a registry that is there."""
    registry, threads = flags
    with RudeServer(RudeRegistry(FIVE)) as server:
        done = puller("infiniflow/ragflow:v0.17.0", registry, server.url, threads, "10", *QUICK)
        assert done.code == 0, done.stderr
        assert "/v2/infiniflow/ragflow/manifests/v0.17.0" in server.targets()
    assert done.stdout == "infiniflow_ragflow_v0.17.0_amd64.tar\n"


def test_options_may_stand_anywhere(puller: Puller) -> None:
    """Before the image, behind it, and with `=`."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        for words in (["-t", "3", NAME], [NAME, "-t3"], ["--threads=3", NAME]):
            done = puller(*words, f"--registry={server.url}", *QUICK)
            assert (done.code, done.stdout) == (0, f"{ARCHIVE}\n"), done.stderr


@pytest.mark.parametrize("threads", ["1", "20"])
def test_the_bounds_of_threads_are_taken(puller: Puller, threads: str) -> None:
    """1 and 20 are numbers of connections."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server, "-t", threads)
    assert puller.is_whole()


@LANGUAGES
@pytest.mark.parametrize("threads", ["0", "21", "-1", "2.5", "many", ""])
def test_other_numbers_of_threads_are_refused(puller: Puller, tmp_path: Path, threads: str, lang: str) -> None:
    """With what was wanted, in the user's language, before anything is asked of a network."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        done = puller(NAME, "-r", server.url, f"--threads={threads}", lang=lang)
        assert done.code == 2
        assert server.requests == []
    wanted = {"en": "a whole number from 1 to 20", "zh_CN": "1 到 20 的整数"}[lang]
    assert wanted in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.glob("*.tar*")) == []


def test_without_a_number_five_are_used(puller: Puller) -> None:
    """As the manual says; more only while they bring more."""
    with RudeServer(RudeRegistry(FIVE, rate=150_000)) as server:
        puller.pull(server)
        first = {request.connection for request in server.requests[:8]}
    assert 4 <= len(first) <= 6


@LANGUAGES
def test_an_image_is_wanted(puller: Puller, lang: str) -> None:
    """Options alone are no command; nothing at all shows the usage."""
    done = puller("-t", "3", lang=lang)
    assert done.code == 2
    assert "IMAGE" in done.stderr
    nothing = puller(lang=lang)
    assert nothing.code == 2
    assert "docker_image_puller.py" in nothing.stderr


@LANGUAGES
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_has_the_manuals_words(puller: Puller, lang: str, flag: str) -> None:
    """In the user's language, from the same catalogs as all that is said."""
    done = puller(flag, lang=lang, env={"COLUMNS": "80"})
    assert done.code == 0
    language.use(lang)
    try:
        for text in (
            say("{} IMAGE [-r HOST] [-t N]", "python docker_image_puller.py"),
            say("show this help and leave"),
            "-r, --registry HOST",
            "-t, --threads N",
            "docker_puller.log",
        ):
            assert text in done.stdout, text
        assert done.stdout.startswith(say("usage: "))
    finally:
        language.use("en")


def test_all_other_options_are_understood_and_listed(puller: Puller, tmp_path: Path) -> None:
    """Those of `dockferry pull`: behind the image, as its help."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server, "-o", "mine.tar", "--log-file", "mine.log")
    assert sorted(path.name for path in tmp_path.glob("mine*")) == ["mine.log", "mine.tar", "mine_layers"]
    listed = puller("nginx", "--help").stdout
    assert "--platform" in listed
    assert "--proxy" in listed
