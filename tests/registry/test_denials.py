"""Denials: a storage host's refusals are counted for each blob."""

from __future__ import annotations

from dockferry.errors import AuthError, StorageError
from dockferry.oci.digest import Digest
from dockferry.registry.denials import MOST, Denials

BLOB = Digest.of(b"layer")
ERROR = AuthError("s.example: wanted blob x, got 403")


def test_refusals_of_one_moment_count_once() -> None:
    """Twenty connections that asked together are one refusal; those that asked after it are the next."""
    denials = Denials()
    for number in range(1, MOST):
        for _ in range(20):
            error = denials.denied(BLOB, ERROR, "r.example", began=number, now=number + 0.5)
            assert isinstance(error, StorageError)
            assert error.number == number
    error = denials.denied(BLOB, ERROR, "r.example", began=9.0, now=9.5)
    assert not error.is_retryable
    assert error.message == f"s.example: wanted blob x, got 403 (where r.example sent us, {MOST} times)"
