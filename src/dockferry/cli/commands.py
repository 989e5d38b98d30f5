"""The commands: from parsed options to a use case, and from its result to standard output."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from ..message import Message
from . import language, output, parser
from .language import say
from .settled import places, settle

if TYPE_CHECKING:
    from ..events import OnEvent


def run(args: Namespace) -> int:
    """Run `args.command`; its exit code. Raises DockferryError and OutputClosed."""
    commands = {
        "pull": _pull,
        "verify": _verify,
        "inspect": _inspect,
        "tags": _tags,
        "config": _config,
        "demo": _demo,
        "completion": _completion,
        "help": _help,
    }
    return commands[args.command](args)


def _pull(args: Namespace) -> int:
    from .pull_command import run_pull

    return run_pull(args, settle(args))


def _verify(args: Namespace) -> int:
    from ..text import clean, human_size
    from ..usecases.verify import verify
    from .each import each
    from .presenters.choose import presenters
    from .presenters.words import counts

    settle(args)
    if args.progress in ("auto", "bar"):
        args.progress = "plain"  # a blob is proved as a whole: there is nothing that moves

    def one(path: str) -> None:
        with presenters(args, f"verify {path}", sys.stderr) as on_event:
            report = verify(path, deep=args.deep, on_event=on_event)
        images = ", ".join(map(clean, report.images)) or say("no image")
        proved = counts(
            Message.counted("{} blob", "{} blobs", report.blobs),
            Message.counted("{} layer unpacked", "{} layers unpacked", report.layers),
        )
        output.line(say("{}: good, {}: {}", path, ", ".join([*proved, human_size(report.size)]), images))

    return each(args.archives, one, as_json=args.progress == "json")


def _inspect(args: Namespace) -> int:
    from ..usecases.inspection import inspect_archive, inspect_image
    from . import show
    from .access import access

    settings = settle(args)
    if os.path.exists(args.what):
        found = inspect_archive(args.what)
    else:
        show.refuse_missing_file(args.what)
        asked = inspect_image(
            args.what,
            platform=args.platform,
            access=access(args, settings),
            retry=settings.maybe_retry(),
            on_event=_warnings(),
            **places(args, settings, args.what),
        )
        found = (asked,)
    for summary in found:
        output.line(show.as_json(summary) if args.json else show.as_text(summary))
    return 0


def _tags(args: Namespace) -> int:
    from ..text import clean
    from ..usecases.tags import tags
    from .access import access

    settings = settle(args)
    found = tags(
        args.repository,
        access=access(args, settings),
        retry=settings.maybe_retry(),
        on_event=_warnings(),
        **places(args, settings, args.repository),
    )
    for tag in found:
        output.line(clean(tag))
    return 0


def _config(args: Namespace) -> int:
    from .config_command import run_config

    return run_config(args, settle(args))


def _demo(args: Namespace) -> int:
    from pathlib import Path

    from ..demo import DEFAULT_RATE, DEFAULT_SIZE, demo

    directory = None if args.output is None else Path(args.output)
    if "lang" in args:
        os.environ[language.VARIABLE] = args.lang  # for the commands that it runs
    demo(
        directory,
        rate=args.rate or DEFAULT_RATE,
        size=args.size or DEFAULT_SIZE,
        tell=lambda line: output.line(say(line)),
    )
    return 0


def _completion(args: Namespace) -> int:
    from .completion import script

    output.line(script(args.shell))
    return 0


def _help(args: Namespace) -> int:
    whole = parser.build()
    shown = whole.get_default("parsers")[args.topic] if args.topic else whole
    shown.print_help()
    return 0


def _warnings() -> OnEvent:
    """For commands that ask for little: warnings and retries, no progress."""
    from .presenters import Lines
    from .presenters.plain import Notes

    return Notes(Lines(sys.stderr))
