"""Trust: a liar is found by what it gave alone, is asked last from then on, and patience ends."""

from __future__ import annotations

from dockferry.transfer.trust import MOST, SAME, Trust


def test_the_same_wrong_digest_is_what_there_is() -> None:
    """A blob that hashes to the same wrong digest again and again is given up soon; different ones later."""
    trust = Trust(1, 1)
    for _ in range(SAME):
        assert not trust.is_hopeless(0)
        trust.gave(0, 0)
        trust.wrong(0, "sha256:same")
    assert trust.is_hopeless(0)
    trust = Trust(1, 1)
    for number in range(MOST):
        assert not trust.is_hopeless(0)
        trust.wrong(0, f"sha256:{number}")
    assert trust.is_hopeless(0)


def test_a_lone_giver_is_to_blame() -> None:
    """Bytes of two sources accuse nobody; what one of them gave alone does, and it is asked last, of all blobs."""
    trust = Trust(2, 2)
    trust.gave(0, 0)
    trust.gave(0, 1)
    assert trust.wrong(0, "a") == set()
    alone = trust.choose(0, [0, 1], 0)
    assert {trust.choose(0, [0, 1], connection) for connection in range(5)} == {alone}
    trust.gave(0, alone)
    assert trust.wrong(0, "b") == {alone}
    assert trust.choose(0, [0, 1], 0) == trust.choose(1, [0, 1], 0) == trust.choose(1, [0, 1], 1) == 1 - alone
    assert trust.choose(1, [alone], 0) == alone


def test_the_other_one_was_right() -> None:
    """Two gave it wrong together, one gives it right alone: it was the other."""
    trust = Trust(1, 2)
    trust.gave(0, 0)
    trust.gave(0, 1)
    trust.wrong(0, "a")
    trust.gave(0, 1)
    assert trust.good(0) == {0}
    assert trust.choose(0, [0, 1], 0) == 1


def test_all_connections_share_the_sources() -> None:
    """Without a lie, connections go round the sources."""
    trust = Trust(1, 3)
    assert [trust.choose(0, [0, 1, 2], connection) for connection in range(4)] == [0, 1, 2, 0]
