"""Pipes: whether anybody reads what is written."""

from __future__ import annotations

import errno

from .kind import WINDOWS


def has_no_reader(error: OSError) -> bool:
    """Whether a write failed for that: Windows calls such a pipe an invalid argument."""
    return error.errno == errno.EPIPE or (WINDOWS and error.errno == errno.EINVAL)
