"""Several of a kind, one after another: one that fails does not keep the others from being done."""

from __future__ import annotations

from typing import Callable, List, Sequence

from ..errors import DiskError, DockferryError, Interrupted
from . import report


def each(things: Sequence[str], one: Callable[[str], None], *, as_json: bool) -> int:
    """Call `one` with each of `things`, tell failures as they come, and their names at the end; the first failure's
    exit code, else 0.

    What would befall the others too, a disk error and an interruption, is raised at once.
    """
    code = 0
    failed: List[str] = []
    for thing in things:
        try:
            one(thing)
        except (DiskError, Interrupted):
            raise
        except DockferryError as error:
            told = report.tell(error, as_json=as_json)
            code = code or told
            failed.append(thing)
    if failed and len(things) > 1 and not as_json:
        report.tell_failed(failed, len(things))
    return code
