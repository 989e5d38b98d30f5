"""The boundary: words from the command line in, an exit code out, and every failure told in one line."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from argparse import Namespace
from typing import Callable, List, NoReturn, Optional, Sequence

from . import language, output, report
from .signals import interruptible

OUTPUT_CLOSED = 141
"""Exit code when standard output's reader has gone, as a shell shows SIGPIPE."""

_ALLOCATED = 50_000
"""Objects, after which garbage is looked for: the start makes many that stay, and looking costs a twentieth of it."""


def run() -> NoReturn:
    """The program: `main`, then the end of the process, at once.

    What it did is on disk and told by then. To take the interpreter down first costs as much as a tenth of its start.
    """
    gc.set_threshold(_ALLOCATED)
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def main(words: Optional[List[str]] = None, typed: Sequence[str] = (), helped_as: str = "") -> int:
    """Run one command; `words` are those after the program's name. Never raises, never exits.

    `typed` is the command line as the log shows it, and `helped_as` what is typed before `--help`, where the user
    typed another command. Without a word, on a terminal, the user is asked.
    """
    words = sys.argv[1:] if words is None else words
    args = Namespace(typed=typed or ("dockferry", *words))
    return bounded(words, lambda: _run(words, args, helped_as), lambda: _wants_json(words, args))


def bounded(words: Sequence[str], run: Callable[[], int], wants_json: Callable[[], bool] = lambda: False) -> int:
    """What `run` comes to, in the language that `words` ask for: its exit code. Never raises, never exits."""
    output.prepare()
    language.use(language.asked(words, os.environ))
    try:
        with interruptible():
            code = run()
            output.finish()
            return code
    except output.OutputClosed:
        return OUTPUT_CLOSED
    except BaseException as error:  # whatever it is, it ends here in one line and a code
        return report.tell(error, as_json=wants_json())


def _run(words: List[str], args: Namespace, helped_as: str) -> int:
    if not words:
        from . import console

        if console.is_there():
            return console.run()
    from .parser import parse

    try:
        parse(words, args, helped_as)
    except SystemExit:  # argparse leaves so after --help and --version
        return 0
    from . import commands

    return commands.run(args)


def _wants_json(words: List[str], args: Namespace) -> bool:
    """Known even where the words could not be parsed, or the settings not be read."""
    asked = "--progress=json" in words or ("--progress", "json") in zip(words, words[1:])
    return asked or getattr(args, "progress", None) == "json"
