"""Plots and table, drawn from what the JSON holds."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("bench_modules")


def written(path: Path) -> Path:
    """A document of one part, as it is kept: ours and another's, three runs each, and one that is missing."""
    from measure import Sample
    from result import Document, Result

    def result(tool: str, *seconds: float, missing: str = "") -> Result:
        samples = tuple(Sample(one, one / 2, 30_000_000, 10_000_000, requests=4, sent=10_000_000) for one in seconds)
        floors = (1.0,) * len(samples)
        return Result(
            "lan", "10 MB in 2 layers", tool, samples, 10_000_000, floors, (2.0,) * len(samples), missing=missing
        )

    words = "date commit processor cpus memory system python openssl files load"
    at = dict.fromkeys(words.split(), "x")
    results = [result("dockferry", 2.0, 1.5, 2.5), result("another", 4.0, 5.0, 6.0)]
    results.append(result("third", missing="third is not installed"))
    Document(at, results, ["a note"]).write(path)
    return path


def test_a_document_comes_back_as_it_was(tmp_path: Path) -> None:
    """What was written is read again, equal to the last sample; the table is the same from either."""
    from report import markdown
    from result import Document

    first = Document.read(written(tmp_path / "results.json"))
    first.write(tmp_path / "again.json")
    again = Document.read(tmp_path / "again.json")
    assert again == first
    text = markdown(again)
    assert (
        "| 10 MB in 2 layers | dockferry | 3 | 2.00 (1.50–2.50) | 2.00 | 1.00 | 107.37 | 30 | 1.000 | 4 | 1.000 |"
        in text
    )
    assert "| 10 MB in 2 layers | another | 3 | 5.00 (4.00–6.00) | 5.00 | 2.50 |" in text
    assert "| 10 MB in 2 layers | third | 0 | third is not installed |" in text
    assert text.endswith("- a note")


def test_runs_of_several_parts_are_drawn_together(tmp_path: Path) -> None:
    """Parts may be measured apart, and be shown as one."""
    import dataclasses

    from plots import draw
    from result import Document

    first = Document.read(written(tmp_path / "results.json"))
    second = dataclasses.replace(first, results=[dataclasses.replace(one, part="onelayer") for one in first.results])
    drawn = draw(Document.joined([first, second]), tmp_path / "plots")
    assert [path.name for path in drawn] == ["lan.svg", "onelayer.svg", "cost.svg"]


def test_plots_are_drawn_from_the_json_alone(tmp_path: Path) -> None:
    """The same JSON gives the same pictures, byte by byte, with the bars of all tools that ran."""
    from plots import draw
    from result import Document

    document = Document.read(written(tmp_path / "results.json"))
    once = draw(document, tmp_path / "once")
    twice = draw(document, tmp_path / "twice")
    assert [path.name for path in once] == ["lan.svg", "cost.svg"]
    for one, other in zip(once, twice):
        assert one.read_bytes() == other.read_bytes()
        assert one.read_text().count(">dockferry</text>") == 1
        assert ">another</text>" in one.read_text()
        assert "third" not in one.read_text()
