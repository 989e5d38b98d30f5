"""docs/reliability.md says what the tests' markers say."""

from __future__ import annotations

from support.matrix import MATRIX
from support.reliability import PAGE, Recorder, earlier_results, marked_tests, page, without_results


def test_the_page_is_that_of_the_markers() -> None:
    """Every row with its tests, and no others; `make reliability` makes it anew."""
    shown = PAGE.read_text(encoding="utf-8")
    assert without_results(shown) == without_results(page(marked_tests(), {}))


def test_every_marker_names_a_row() -> None:
    """No test proves what the matrix does not have."""
    known = {(marker, key) for _, marker, rows in MATRIX for key in rows}
    assert set(marked_tests()) <= known


def test_a_page_keeps_its_results() -> None:
    """What a run found is read back from the page; one test that failed, or one that is new, is no `yes`."""
    tests = {("row", "1"): {"faults/test_x.py::test_a", "test_y.py::test_b"}, ("row", "2"): {"test_y.py::test_b"}}
    results = {"faults/test_x.py::test_a": "no", "test_y.py::test_b": "yes"}
    first = page(tests, results)
    assert page(tests, earlier_results(first)) == first
    assert Recorder().results == {}
