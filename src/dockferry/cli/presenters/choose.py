"""Which presenters a command gets."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import List, TextIO

from ...errors import UsageError
from ..language import say
from . import Lines, Presenter, Several
from .jsonl import JsonLines
from .plain import Notes, Plain
from .summary import Summary


def presenters(args: Namespace, title: str, stream: TextIO) -> Several:
    """For `args.progress`, `.quiet` and `.log_file`, writing to `stream`; `title` opens the log, after `args.typed`.

    Raises UsageError where a bar was asked for and rich is missing.
    """
    parts: List[Presenter] = []
    if args.log_file:
        from ..about import about
        from .logfile import LogFile

        parts.append(LogFile(args.log_file, title, about(getattr(args, "typed", ()))))
    if not args.quiet:
        parts += _shown(args.progress, stream)
    return Several(parts)


def _shown(progress: str, stream: TextIO) -> List[Presenter]:
    write = Lines(stream)
    if progress == "json":
        return [JsonLines(write)]
    if progress == "none":
        return [Notes(write), Summary(write)]
    return [_moving(progress, stream, write), Summary(write)]


def _moving(progress: str, stream: TextIO, write: Lines) -> Presenter:
    """The bar where lines can move; `--progress bar` elsewhere means plain too, as there is nothing to draw on."""
    if progress == "plain" or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return Plain(write)
    try:
        from .bar import Bar

        return Bar(stream)
    except ImportError as error:
        if progress == "bar":
            raise UsageError(
                "--progress bar: wanted the library rich, got: {}", error, remedy="pip install rich"
            ) from None
        write(say("[INFO] plain lines in the place of a bar, for which pip install rich"))
        return Plain(write)
