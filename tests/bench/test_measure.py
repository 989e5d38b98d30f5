"""What is said of one run of a program."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("bench_modules")


def test_a_peak_is_the_programs_own(tmp_path: Path) -> None:
    """However much memory the measuring program holds, a small child is told as small, a larger one by its size."""
    from measure import LEAST_RSS, run

    held = b"x" * 100_000_000
    assert run(["true"], tmp_path).rss < LEAST_RSS * 1.5
    large = run([sys.executable, "-c", f"b'x' * {len(held)}"], tmp_path)
    assert len(held) < large.rss < 1.4 * len(held)


def test_bytes_and_seconds_include_children(tmp_path: Path) -> None:
    """What a program's own children write and compute is counted with it."""
    from measure import run

    sample = run(["sh", "-c", "head -c 3000000 /dev/zero > file; true"], tmp_path)
    assert (tmp_path / "file").stat().st_size == 3_000_000
    assert sample.written is None or 3_000_000 <= sample.written < 3_100_000
    assert 0 < sample.cpu <= sample.seconds * 2


def test_a_kill_is_told_and_a_failure_is_raised(tmp_path: Path) -> None:
    """A child that is killed as asked gives a sample that says so; one that fails gives its last words."""
    from measure import Failed, run

    began = time.monotonic()
    sample = run(["sleep", "60"], tmp_path, kill_when=lambda: time.monotonic() > began + 0.2)
    assert sample.killed
    assert 0.1 < sample.seconds < 30
    with pytest.raises(Failed, match="exited with 3: last words"):
        run(["sh", "-c", "echo last words; exit 3"], tmp_path)
    with pytest.raises(Failed, match="no-such-program"):
        run(["no-such-program"], tmp_path)


def test_memory_is_touched_within_bounds(tmp_path: Path) -> None:
    """What is touched is what was asked for, at most half of what there is, and it is all given back."""
    from memory import available, touch

    if available() == 0:
        pytest.skip("the system does not say how much memory is available")
    assert touch(50_000_000) == 50_000_000
    assert touch(0) == 0
