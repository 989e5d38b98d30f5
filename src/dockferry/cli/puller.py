"""Puller: the manual's own command line, `docker_image_puller.py IMAGE [-r HOST] [-t N]`, on `dockferry pull`."""

from __future__ import annotations

import os
import sys
from typing import List, Sequence, Tuple

from .. import choices
from ..message import Message
from . import console, main
from .language import say
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
  {0} nginx:latest
  {0} infiniflow/ragflow:v0.17.0 -r docker.1ms.run"""


def run(words: List[str]) -> int:
    """The exit code of `dockferry pull` with the same words and a log. Never raises, never exits."""
    command = _command()
    if words and words[0] not in ("-h", "--help"):
        pull = ["pull", *_LOGGED, *_with_layers(words), *words]
        return main.main(pull, typed=(*command, *words), helped_as=Message("{} IMAGE", " ".join(command)))
    return main.bounded(words, lambda: _help(command) if words else _ask(command))


def _help(command: Sequence[str]) -> int:
    build(" ".join(command)).print_help()
    return 0


def _ask(command: Sequence[str]) -> int:
    if console.is_there():
        return console.run((*_LOGGED, WITH_LAYERS), command)
    print(build(" ".join(command)).format_usage(), file=sys.stderr, end="")
    return 2


def _with_layers(words: Sequence[str]) -> List[str]:
    """The manual's tree of layers, but where a form is asked for that has none beside it."""
    named = [word.partition("=")[2] for word in words if word.startswith("--format=")]
    named += [after for word, after in zip(words, words[1:]) if word == "--format"]
    is_given = WITH_LAYERS in words
    return [] if is_given or (named and named[-1] not in choices.WITH_LAYERS) else [WITH_LAYERS]


def _command() -> Tuple[str, ...]:
    """What the user types: the script, or the program that was made of it, under the name that it has."""
    name = os.path.basename(sys.argv[0]) or PROGRAM
    return ("python", name) if name.endswith((".py", ".pyz")) else (name,)


def build(command: str) -> Parser:
    """The manual's grammar, for the help of `command`."""
    parser = Parser(
        prog=command,
        usage=say("{} IMAGE [-r HOST] [-t N]", command),
        description="Download an image into one verified archive.",
        epilog=say(_EPILOG, command),
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
