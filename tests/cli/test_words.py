"""The words for events, in the forms of the manual."""

from __future__ import annotations

from typing import Optional

import pytest
from support.told import DIGEST, progress

from dockferry.cli.presenters import words
from dockferry.events import BlobDone, Resolved, Resumed, Retry, Warned


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "00:00:00"), (137, "00:02:17"), (59.6, "00:01:00"), (90061, "25:01:01"), (None, "--:--:--")],
)
def test_clock(seconds: Optional[float], shown: str) -> None:
    """Hours, minutes, seconds; days are hours."""
    assert words.clock(seconds) == shown


@pytest.mark.parametrize(
    ("done", "size", "shown"),
    [
        (0, 0, "0 of 0 B"),
        (5, 999, "5 of 999 B"),
        (1_200_000_000, 4_100_000_000, "1.2 of 4.1 GB"),
        (184_000_000, 410_000_000, "184 of 410 MB"),
        (300, 1_000_000, "0.0 of 1.0 MB"),
        (999_600, 999_600, "1.0 of 1.0 MB"),
        (99_960_000, 99_960_000, "100 of 100 MB"),
        (3 * 10**15, 5 * 10**15, "3000 of 5000 TB"),
    ],
)
def test_amount_is_in_the_unit_of_the_whole(done: int, size: int, shown: str) -> None:
    """Both numbers can be compared at sight."""
    assert words.amount(done, size) == shown


@pytest.mark.parametrize(("done", "size", "shown"), [(0, 0, 100), (0, 3, 0), (999, 1000, 99), (1000, 1000, 100)])
def test_percent_is_100_only_when_all_is_there(done: int, size: int, shown: int) -> None:
    """99.9 % is 99."""
    assert words.percent(done, size) == shown


def test_the_line_about_the_whole() -> None:
    """The manual's form, with amount, speed and remaining time."""
    state = progress(done=1_200_000_000, size=4_100_000_000, layers_done=3, layers=5, elapsed=137)
    assert words.whole(state) == (
        "[Global] 3/5 layers | Elapsed: 00:02:17 | 1.2 of 4.1 GB | 8.31 MB/s | Remaining: 00:05:40"
    )


def test_hashing_what_is_there_is_called_checking() -> None:
    """When all bytes are on disk and some are not proved, there is no speed to show."""
    state = progress(done=1000, hashed=830, size=1000)
    assert "| checking 83% |" in words.whole(state)


def test_retry_is_in_the_manuals_form() -> None:
    """Its number, the layer, the reason and the wait."""
    event = Retry(DIGEST, 3, "504 Gateway Timeout", 18.7, "")
    assert words.note(event) == "[WARNING] retry 3 a3ed95caeb02 reason: 504 Gateway Timeout wait: 18.7s"


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("m.example: blob a3ed95caeb02 ended early, got 5 of 9 bytes", "ended early, got 5 of 9 bytes"),
        ("503 Service Unavailable", "503 Service Unavailable"),
        (
            "m.example: wanted blob a3ed95caeb02 as it is, got gzip",
            "wanted blob a3ed95caeb02 as it is, got gzip",
        ),
    ],
)
def test_a_retry_names_its_layer_once(reason: str, shown: str) -> None:
    """The line has the digest before the reason and the host after it; the reason keeps the fault."""
    assert words.note(Retry(DIGEST, 1, reason, 1, "m.example")) == (
        f"[WARNING] retry 1 a3ed95caeb02 reason: {shown} wait: 1.0s source: m.example"
    )


def test_a_retry_that_is_for_no_layer_says_what_for() -> None:
    """Tokens and manifests are asked for again too."""
    shown = words.note(Retry("manifest nginx:latest", 1, "refused", 1, ""))
    assert shown == "[WARNING] retry 1 manifest nginx:latest reason: refused wait: 1.0s"


def test_retry_names_the_host() -> None:
    """With several mirrors it matters which one failed."""
    assert str(words.note(Retry(DIGEST, 1, "reset", 1, "m.example"))).endswith("wait: 1.0s source: m.example")
    assert "source" not in str(words.note(Retry(DIGEST, 1, "m.example refused", 1, "")))


def test_a_finished_layer() -> None:
    """The manual's form."""
    assert words.note(BlobDone(DIGEST, 7)) == "[INFO] sha256:a3ed95caeb02 complete"
    assert words.note(BlobDone(DIGEST, 7, fetched=False)) == "[INFO] sha256:a3ed95caeb02 verified"


@pytest.mark.row(58)
@pytest.mark.rule(11)
def test_notes_are_one_clean_line() -> None:
    """What a server wrote cannot move a cursor, start a line or show a secret."""
    for event in (
        Warned("a\nb\x1b[2J https://me:hunter2@host/?sig=abc \u202e"),
        Retry(DIGEST, 1, "a\r\nb\x1b]0;x\x07", 1, "host\x9b31m"),
        Resolved("n\x1bginx", DIGEST, "linux/amd64", 1, 2, "h\x1bost", "file\x1b.tar"),
        Resumed(1, 2),
    ):
        line = words.note(event)
        assert line
        assert line.isprintable()
        assert "hunter2" not in line
        assert "abc" not in line
