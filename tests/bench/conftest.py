"""The scripts of bench/ import each other by their bare names: so may tests of them, one at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Iterator

import pytest

BENCH = str(Path(__file__).resolve().parents[2] / "bench")


@pytest.fixture
def bench_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(BENCH)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(BENCH):
            del sys.modules[name]
