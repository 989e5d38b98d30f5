"""Trials: a blob in doubt is tried when it has changed, and the answer counts if it has not changed again."""

from __future__ import annotations

import pytest

from dockferry.transfer.trial import Trials


@pytest.fixture
def trials() -> Trials:
    found = Trials()
    found.doubt(3)
    return found


def test_what_was_found_wrong_is_not_tried_again(trials: Trials) -> None:
    """As it stands it is wrong: only other bytes are worth a trial; and of other blobs nothing is known."""
    assert trials.is_doubted(3)
    assert not trials.is_doubted(2)
    assert trials.maybe_begin() is None
    trials.changed(2)
    assert trials.maybe_begin() is None


def test_each_change_is_tried_once(trials: Trials) -> None:
    """And one trial at a time."""
    trials.changed(3)
    assert trials.maybe_begin() == 3
    assert trials.maybe_begin() is None
    assert trials.ended(3)
    assert trials.maybe_begin() is None


def test_a_change_meanwhile_makes_the_answer_nothing(trials: Trials) -> None:
    """The blob is tried again."""
    trials.changed(3)
    assert trials.maybe_begin() == 3
    trials.changed(3)
    assert not trials.ended(3)
    assert trials.maybe_begin() == 3
    assert trials.ended(3)


def test_a_new_doubt_meanwhile_makes_the_answer_nothing(trials: Trials) -> None:
    """All came again, it was hashed and is wrong: an older trial says no more."""
    trials.changed(3)
    assert trials.maybe_begin() == 3
    trials.changed(3)
    trials.doubt(3)
    assert not trials.ended(3)
    assert trials.maybe_begin() is None


def test_what_is_settled_is_not_tried(trials: Trials) -> None:
    """Nor when it comes into doubt again while the old trial runs."""
    trials.changed(3)
    assert trials.maybe_begin() == 3
    trials.settle(3)
    trials.doubt(3)
    assert not trials.ended(3)
    trials.settle(3)
    trials.changed(3)
    assert trials.maybe_begin() is None
    assert not trials.is_doubted(3)
