"""Open files: how many a process may have at once."""

from __future__ import annotations

from .kind import WINDOWS


def may_open(count: int) -> bool:
    """Whether `count` files, sockets among them, may be open at once."""
    if WINDOWS:  # no such limit
        return True
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return most == resource.RLIM_INFINITY or most >= count
