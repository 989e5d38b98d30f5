"""`dockferry pull`: one image after another."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from . import output
from .access import access
from .each import each
from .presenters.choose import presenters
from .settled import places

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..registry.access import Access
    from ..usecases.pull import PullResult


def run_pull(args: Namespace, settings: Settings) -> int:
    """The paths of the archives go to standard output, a line each, as each is finished."""
    from ..oci.reference import Reference

    for image in args.images:
        Reference.parse(image)  # a bad name is told before the first download, not after it
    check_output(args)
    credentials = access(args, settings)

    def one(image: str) -> None:
        output.line(str(pull_one(args, settings, credentials, image).path))

    return each(args.images, one, as_json=args.progress == "json")


def pull_one(args: Namespace, settings: Settings, credentials: Access, image: str) -> PullResult:
    """Pull `image` as `args` say, and show how it goes. Raises as `pull` does."""
    from ..usecases.pull import pull

    with presenters(args, f"pull {image}", sys.stderr) as on_event:
        return pull(
            image,
            output=args.output,
            threads=settings.threads,
            platform=args.platform,
            format=args.format,
            with_layers=args.with_layers,
            overwrite=args.force,
            access=credentials,
            retry=settings.maybe_retry(),
            sharing=settings.maybe_sharing(),
            on_event=on_event,
            tick=on_event.tick,
            **places(args, settings, image),
        )


def check_output(args: Namespace) -> None:
    """Raises UsageError where several images would go to one file."""
    from ..system.paths import usable

    if args.output is None or len(args.images) == 1 or os.path.isdir(usable(Path(args.output))):
        return
    raise UsageError(
        "--output: wanted a directory that is there for {} images, got {!r}",
        len(args.images),
        args.output,
        remedy="make the directory, or pull one image at a time",
    )
