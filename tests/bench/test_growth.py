"""How cost grows: the exponents, the content that is stored nowhere, and the script itself on small amounts."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Callable

import pytest

pytestmark = pytest.mark.usefixtures("bench_modules")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("cost", "exponent", "words"),
    [
        (lambda n: 3.0, None, "flat"),
        (lambda n: 0.3 + n / 1000, 1.0, "at most linear"),
        (lambda n: 0.3 + n**0.5 / 100, 0.5, "at most linear"),
        (lambda n: 0.3 + n**2 / 1e6, 2.0, "worse than linear"),
        (lambda n: 0.3 + n**1.3 / 1000, 1.3, "worse than linear"),
    ],
)
def test_growth_is_told_by_its_exponent(cost: Callable[[int], float], exponent: float, words: str) -> None:
    """What a run costs at least hides no growth: the exponent is that of what each unit adds."""
    from exponents import Series, fitted, verdict
    from measure import Sample

    points = [(n, [Sample(cost(n), cost(n), 30_000_000, None)] * 3) for n in (1, 10, 100, 1000, 10_000)]
    series = Series("things", points)
    found = fitted(series.medians("seconds"))
    assert found == (None if exponent is None else pytest.approx(exponent, abs=0.06))
    assert verdict(series, "seconds") == words
    assert verdict(series, "peak MB") == "flat"
    assert verdict(Series("nothing", []), "seconds") == "not measured"


def test_what_the_machine_does_too_is_said_to_be_its_own() -> None:
    """Where writing alone grows as badly, the verdict says so."""
    from exponents import Series
    from growth_report import Growth, markdown
    from measure import Sample

    points = [(n, [Sample(n**1.5, 1.0, 30_000_000, None)]) for n in (1, 10, 100)]
    words = "date commit processor cpus memory system python openssl files load"
    at = dict.fromkeys(words.split(), "x")
    text = markdown(Growth(at, [Series("dd", points), Series("ours", points, like="dd"), Series("others", points)]))
    found = re.findall(r"\| (\w+) \| seconds \| 1.50, 1.50 \| \d\.\d\d \| (.*) \|", text)
    assert found == [
        ("dd", "worse than linear"),
        ("ours", "worse than linear; dd: 1.50, 1.50"),
        ("others", "worse than linear"),
    ]


def test_a_promise_to_be_flat_is_held_to_a_tenth() -> None:
    """Memory that is promised not to grow and does so is said to, however slowly."""
    from exponents import Series, verdict
    from measure import Sample

    points = [(n, [Sample(1.0, 1.0, 30_000_000 + 1000 * n, None)]) for n in (1, 1000, 10_000)]
    assert verdict(Series("bytes", points, flat=["peak MB"]), "peak MB") == "not flat"
    assert verdict(Series("bytes", points), "peak MB") == "at most linear"


def test_content_that_is_stored_nowhere_has_the_hash_that_is_said(tmp_path: Path) -> None:
    """Whole and in ranges across the ends of its block, what is served is what its digest is of."""
    import synthetic

    from dockferry.serve import ImageStore, serve

    size = synthetic.BLOCK + 5_000_000
    block = synthetic.Block(tmp_path / "block")
    digest = block.digests([1000, size, synthetic.BLOCK])[size]
    store = ImageStore()
    synthetic.add_image(store, "some/where", {digest: block.blob(size)})
    with serve(store) as running:
        url = f"http://{running.host}/v2/some/where/blobs/{digest}"
        with urllib.request.urlopen(url, timeout=60) as reply:
            whole = reply.read()
        start, end = synthetic.BLOCK - 100, synthetic.BLOCK + 100
        asked = urllib.request.Request(url, headers={"Range": f"bytes={start}-{end - 1}"})
        with urllib.request.urlopen(asked, timeout=60) as reply:
            part = reply.read()
    assert len(whole) == size
    assert hashlib.sha256(whole).hexdigest() == digest.hex
    assert part == whole[start:end]


def test_the_script_measures_all_series(tmp_path: Path) -> None:
    """Small amounts give a row for each, exponents for each cost, and what cannot be measured with its reason."""
    kept, scratch = tmp_path / "growth.json", tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, str(ROOT / "bench/growth.py"), "--quick", f"--workdir={scratch}", f"--json={kept}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    for line in (
        "layers of 1 kB | 100 | 1",
        "bytes of one layer | 100,000,000 | 1",
        "tags of a repository | 5,000 | 1",
    ):
        assert line in done.stdout
    assert "| bytes of one layer | peak MB | " in done.stdout
    found = json.loads(kept.read_text())
    assert found["circumstances"]["commit"]
    assert all(len(series["points"]) == 3 or series["missing"] for series in found["series"])
    assert list(scratch.iterdir()) == []


def test_a_disk_that_is_too_small_is_named(tmp_path: Path) -> None:
    """An amount that does not fit is left out with what was wanted and got, and the others are measured."""
    from growing import Growing

    series = Growing(tmp_path, quick=True, huge=False).series(
        "bytes", [1, 2], lambda amount, out: ["true"], size=lambda amount: 10**15 * (amount - 1)
    )
    assert [(amount, len(samples)) for amount, samples in series.points] == [(1, 1)]
    (missing,) = series.missing
    assert missing[0] == 2
    assert missing[1].startswith("wanted 1000002.0 GB of free space, got ")


def test_growth_is_drawn_from_the_json_alone(tmp_path: Path) -> None:
    """A picture with a row for each series that has points; what was written is read again."""
    from exponents import Series
    from growth_plots import draw
    from growth_report import Growth
    from measure import Sample

    words = "date commit processor cpus memory system python openssl files load"
    at = dict.fromkeys(words.split(), "x")
    points = [(n, [Sample(n / 10, n / 20, 30_000_000, None)]) for n in (1, 10, 100)]
    things = Series("things", points, [(1000, "too many")], ["peak MB"])
    growth = Growth(at, [things, Series("none", [], [(1, "no")], [])])
    growth.write(tmp_path / "growth.json")
    again = Growth.read(tmp_path / "growth.json")
    assert again == growth
    drawn = draw(again, tmp_path / "plots").read_text()
    assert ">things</text>" in drawn
    assert ">none</text>" not in drawn
