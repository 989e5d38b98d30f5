"""The manual, section 7: `docker_puller.log`, and the marks that stand in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable

import pytest
from support.manual import FIVE, LANGUAGES, NAME, Puller, short
from support.rude import RudeServer
from support.rude_registry import Ask, RudeRegistry


@pytest.fixture
def puller(tmp_path: Path) -> Puller:
    return Puller(tmp_path)


def late_gateway(times: int) -> Callable[[Ask], None]:
    """504 for the first requests, and all is well after that."""
    left = [times]

    def fault(ask: Ask) -> None:
        if left[0] > 0:
            left[0] -= 1
            ask.wire.reply(504)
        else:
            ask.give()

    return fault


def test_a_retry_is_marked_as_in_the_manual(puller: Puller) -> None:
    """`[WARNING] 第3次重试 a3ed95caeb02 原因: 504 Gateway Timeout 等待: 18.7s`, from a real 504."""
    with RudeServer(RudeRegistry(FIVE, late_gateway(3))) as server:
        puller.pull(server, "-t", "1", lang="zh_CN")
        host = re.escape(server.host)
    layer = "|".join(short(FIVE, place) for place in range(5))
    form = rf"\[WARNING\] 第(\d)次重试 (?:{layer}) 原因: 504 Gateway Timeout 等待: \d+\.\ds"
    line = re.compile(rf"{form} 来源: {host}")
    assert [found[1] for found in map(line.fullmatch, puller.log) if found] == ["1", "2", "3"]


def test_failed_verification_is_marked_as_in_the_manual(puller: Puller) -> None:
    """`[ERROR] 校验失败: 期望 sha256:a3ed95ca 实际 sha256:532ded5d`, from a server that lies."""

    def lie(ask: Ask) -> None:
        ask.data = bytes(len(ask.data))
        ask.give()

    with RudeServer(RudeRegistry(FIVE, lie)) as server:
        puller.pull(server, code=6, lang="zh_CN")
    line = re.compile(r"\[ERROR\] 校验失败: 期望 sha256:([0-9a-f]{12,64}) 实际 sha256:([0-9a-f]{12,64})\b.*")
    found = line.fullmatch(puller.log[-1])
    assert found, puller.log[-1]
    assert found[1][:12] in {short(FIVE, place) for place in range(5)}
    assert found[2][:12] not in {short(FIVE, place) for place in range(5)}


@LANGUAGES
def test_a_finished_layer_is_marked_as_in_the_manual(puller: Puller, lang: str) -> None:
    """`[INFO] sha256:a3ed95ca 下载完成`, for each of them, in the language of the user."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server, lang=lang)
    done = {"en": "complete", "zh_CN": "下载完成"}[lang]
    marked = [line for line in puller.log if line.startswith("[INFO] sha256:")]
    digits = {re.match(r"\[INFO\] sha256:([0-9a-f]{12})", line)[1] for line in marked if line.endswith(done)}  # type: ignore[index]
    assert {short(FIVE, place) for place in range(5)} <= digits


@LANGUAGES
def test_every_line_has_its_time_and_its_mark(puller: Puller, lang: str) -> None:
    """In UTF-8, whatever the console's encoding is."""
    with RudeServer(RudeRegistry(FIVE, late_gateway(2))) as server:
        done = puller(NAME, "-r", server.url, lang=lang, env={"PYTHONIOENCODING": "ascii"})
    assert done.code == 0
    text = (puller.directory / "docker_puller.log").read_bytes().decode("utf-8")
    line = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\[(INFO|WARNING|ERROR)\] |\[Global\] ).+")
    assert all(line.fullmatch(one) for one in text.splitlines())
    assert ("重试" in text) == (lang == "zh_CN")


def test_a_second_run_adds_to_it(puller: Puller) -> None:
    """The log of what went wrong before is still there."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server)
        first = puller.log
        puller.pull(server)
    assert puller.log[: len(first)] == first
    assert len(puller.log) > len(first)


def test_an_old_log_is_put_away_when_it_is_large(puller: Puller) -> None:
    """At 5 MB it begins anew; three old ones are kept."""
    path = puller.directory / "docker_puller.log"
    with RudeServer(RudeRegistry(FIVE)) as server:
        for number in range(5):
            path.write_text(f"old {number}\n" + "x" * 5_000_000)
            puller.pull(server, "--force")
            assert path.stat().st_size < 100_000
    kept = sorted(one.name for one in puller.directory.glob("docker_puller.log*"))
    assert kept == ["docker_puller.log", *(f"docker_puller.log.{number}" for number in (1, 2, 3))]
    firsts = [(puller.directory / f"docker_puller.log.{number}").read_bytes()[:6] for number in (1, 2, 3)]
    assert firsts == [b"old 4\n", b"old 3\n", b"old 2\n"]


def test_a_full_log_stops_no_download(puller: Puller) -> None:
    """Nor does one that nothing can be written to; one that cannot be opened is told before anything is fetched."""
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server, "--log-file", "/dev/full")
        assert puller.is_whole()
        (puller.directory / "docker_puller.log").unlink(missing_ok=True)
        (puller.directory / "docker_puller.log").mkdir()
        asked = len(server.requests)
        done = puller.pull(server, code=7)
        assert len(server.requests) == asked
    assert "docker_puller.log" in done.stderr
