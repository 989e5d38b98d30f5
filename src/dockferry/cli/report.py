"""How a failure is told: one line on standard error, or one JSON object where the caller reads those."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Sequence

from ..errors import DockferryError, Interrupted
from .language import say


def describe(error: BaseException) -> DockferryError:
    """Any exception as one of ours: what is not foreseen becomes a plain DockferryError of one line."""
    if isinstance(error, DockferryError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted", remedy="run the same command again to go on")
    from ..text import redact

    return DockferryError(
        "unexpected {}: {}",
        type(error).__name__,
        redact(str(error)),
        remedy="this is a fault of dockferry: DOCKFERRY_DEBUG=1 shows where, and the same command may go on",
    )


def tell(error: BaseException, *, as_json: bool = False) -> int:
    """Write `error` to standard error; its exit code."""
    if os.environ.get("DOCKFERRY_DEBUG") == "1":
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)
    ours = describe(error)
    if as_json:
        import json

        told = {"event": "failed", "message": ours.message, "remedy": ours.remedy, "exit_code": ours.exit_code}
        line = json.dumps(told, separators=(",", ":"))
    else:
        line = f"dockferry: {say(ours.line)}"
    _write(line)
    return ours.exit_code


def tell_failed(names: Sequence[str], count: int) -> None:
    """The last line where some of `count` failed: their errors may stand far above."""
    from ..text import clean

    shown = ", ".join(map(clean, names))
    _write(f"dockferry: {say('{} of {} failed: {}', len(names), count, shown)}")


def _write(line: str) -> None:
    from ..text import printable

    with suppress(OSError):  # where standard error has gone the exit code still tells
        print(printable(line), file=sys.stderr, flush=True)  # once more, whatever a part of it has been through
