"""Puller: the manual's own command line, `docker_image_puller.py IMAGE [-r HOST] [-t N]`, on `dockferry pull`."""

from __future__ import annotations

import os
import sys
from typing import List, Sequence, Tuple

from .. import choices, itself
from ..message import Message
from . import console, language, main, output, report
from .language import say
from .signals import interruptible
from .usage import Parser

PROGRAM = "docker_image_puller.py"
LOG_FILE = "docker_puller.log"
WITH_LAYERS = "--with-layers"
_LOGGED = ("--log-file", LOG_FILE)

_EPILOG = """\
Without a word, on a terminal, it asks for all of this. The layers are unpacked
into NAME_layers, beside the archive; the log is docker_puller.log. All options
of dockferry pull may stand behind the image, such as -o FILE, -a ARCH or
--proxy URL: IMAGE --help shows them.

examples:
  python docker_image_puller.py nginx:latest
  python docker_image_puller.py infiniflow/ragflow:v0.17.0 -r docker.1ms.run"""


def run(words: List[str]) -> int:
    """The exit code of `dockferry pull` with the same words and a log. Never raises, never exits."""
    if words and words[0] not in ("-h", "--help"):
        return main.main(["pull", *_LOGGED, *_with_layers(words), *words], typed=(PROGRAM, *words))
    output.prepare()
    language.use(language.asked(words, os.environ))
    if words:
        output.line(build().format_help().rstrip())
        return 0
    if not console.is_there():
        print(build().format_usage(), file=sys.stderr, end="")
        return 2
    try:
        with interruptible():
            return console.run((*_LOGGED, WITH_LAYERS), _command())
    except BaseException as error:  # as at the boundary of the other commands
        return report.tell(error)


def _with_layers(words: Sequence[str]) -> List[str]:
    """The manual's tree of layers, but where a form is asked for that has none beside it."""
    named = [word.partition("=")[2] for word in words if word.startswith("--format=")]
    named += [after for word, after in zip(words, words[1:]) if word == "--format"]
    is_given = WITH_LAYERS in words
    return [] if is_given or (named and named[-1] not in choices.WITH_LAYERS) else [WITH_LAYERS]


def _command() -> Tuple[str, ...]:
    """What the user types: the script, or the executable that was made of it."""
    return (os.path.basename(sys.executable),) if itself.is_frozen() else ("python", PROGRAM)


def build() -> Parser:
    """The manual's grammar, for its help."""
    parser = Parser(
        prog=PROGRAM,
        usage=say("python docker_image_puller.py IMAGE [-r HOST] [-t N]"),
        description="Download an image into one verified archive.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "image", metavar=say("IMAGE"), help="such as nginx:latest or infiniflow/ragflow:v0.17.0 (required)"
    )
    parser.general.add_argument(
        "-r",
        "--registry",
        metavar="HOST",
        help="fetch from this registry, such as docker.1ms.run (default: Docker Hub)",
    )
    parser.general.add_argument(
        "-t",
        "--threads",
        metavar="N",
        help=Message("connections, 1 to {} (default: 5, and more while they help)", choices.MAX_THREADS),
    )
    return parser
