"""The grammar of the command line."""

from __future__ import annotations

import argparse
from typing import Any, List, Optional

from .._version import __version__
from ..choices import FORMATS
from ..errors import UsageError
from ..guess import did_you_mean
from ..message import Message
from . import values
from .options import add_access, add_config, add_patience, add_platform, add_progress, add_sharing
from .usage import Parser

COMMANDS = ("pull", "verify", "inspect", "tags", "config", "demo", "completion", "help")
SHELLS = ("bash", "zsh", "tcsh")

_DESCRIPTION = """\
Download container images over bad networks, without a Docker engine, into one
verified archive that Docker, Podman, containerd and skopeo load."""

_EXAMPLES = """\
examples:
  dockferry pull nginx:1.27
  dockferry pull infiniflow/ragflow:v0.17.0 -r docker.1ms.run -t 20
  dockferry pull ghcr.io/org/app:1.2 -a arm64 -o app.tar
  dockferry verify nginx_1.27_amd64.tar

exit codes:
  0 done                      4 not authorized
  1 unexpected                5 the network gave up: run again to resume
  2 wrong usage               6 wrong content, or sources disagree
  3 no such image             7 disk full, failing or in the way
                              130 interrupted: run again to resume"""

_PULL_EXAMPLES = """\
An interrupted pull goes on where it stopped: run the same command again.

examples:
  dockferry pull nginx
  dockferry pull infiniflow/ragflow:v0.17.0 -r docker.1ms.run,m.example
  dockferry pull alpine:3.20 busybox:1.36 --platform linux/arm/v7 -o images/
  echo "$TOKEN" | dockferry pull registry.example/app:1 -u me --password-stdin
  docker load -i "$(dockferry pull -q redis:7)"
"""


def parse(words: List[str], into: Optional[argparse.Namespace] = None, helped_as: str = "") -> argparse.Namespace:
    """The command and its options, put into `into` where that is given.

    `helped_as`: what is typed before `--help` for `pull`, if not `dockferry pull`.
    Raises UsageError; SystemExit after --help and --version.
    """
    parser = build()
    if helped_as:
        parser.get_default("parsers")["pull"].helped_as = helped_as
    values_too = zip(["", *words], words)
    command = next((word for before, word in values_too if not word.startswith("-") and before != "--lang"), None)
    if command is not None and command not in COMMANDS:
        raise _unknown_command(command)
    args, rest = parser.parse_known_args(words, into)
    if command is None:
        wanted = Message("wanted a command ({})", ", ".join(COMMANDS))
        raise UsageError(
            "{}, got {}",
            wanted,
            rest[0].partition("=")[0] if rest else Message("no word"),
            remedy="try dockferry pull IMAGE, or dockferry --help",
        )
    args.parsers.get(command, parser).take_rest(args, rest)
    return args


def build() -> Parser:
    """The whole grammar, which completion and help read too."""
    parser = Parser(prog="dockferry", usage="dockferry COMMAND ...", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.general.add_argument(
        "--version", action="version", version=f"dockferry {__version__}", help="show the version and leave"
    )
    commands = parser.add_subparsers(
        prog="dockferry", title="commands", dest="command", metavar="COMMAND [...]", parser_class=Parser
    )
    _add_pull(commands)
    _add_verify(commands)
    _add_inspect(commands)
    _add_tags(commands)
    _add_config(commands)
    _add_demo(commands)
    _add_completion(commands)
    _add_help(commands)
    parser.set_defaults(parsers=commands.choices)
    return parser


def _add_pull(commands: Any) -> None:
    pull = commands.add_parser(
        "pull",
        usage="dockferry pull [OPTIONS] IMAGE...",
        help="download images, each into one archive",
        description="Download images, one after another, each into one verified archive.",
        epilog=_PULL_EXAMPLES,
    )
    pull.general.add_argument("-y", "--yes", action="store_true", help="ask nothing")
    pull.add_many("images", metavar="IMAGE", help="[REGISTRY/]REPOSITORY[:TAG][@DIGEST]")
    what = pull.add_argument_group("what to fetch, and where to put it")
    what.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=values.output,
        help="the archive's path, or a directory for it (default: NAME_TAG_ARCH.tar)",
    )
    add_platform(what)
    what.add_argument(
        "--format",
        metavar="FORM",
        default="docker",
        choices=FORMATS,
        type=values.one_of("--format", FORMATS),
        help="docker: a tar for docker, podman, ctr, skopeo; oci: an OCI layout as a tar; "
        "oci-dir: as a directory; docker-legacy: a tar with unpacked layers, for docker before 20.10 and a NAS; "
        "layers: a directory with each layer as a tar (default: docker)",
    )
    what.add_argument(
        "--with-layers",
        action="store_true",
        help="put the unpacked layers beside the archive too, in NAME_layers (docker, oci)",
    )
    what.add_argument("--force", action="store_true", help="replace a file that stands under the archive's name")
    add_sharing(add_access(pull))
    add_patience(pull)
    add_progress(pull)


def _add_verify(commands: Any) -> None:
    verify = commands.add_parser(
        "verify",
        usage="dockferry verify [OPTIONS] ARCHIVE...",
        help="prove every byte of an archive",
        description="Check an archive's structure, and every blob's size and digest.",
        epilog="example:\n  dockferry verify nginx_latest_amd64.tar",
    )
    verify.add_many(
        "archives", metavar="ARCHIVE", type=values.path("ARCHIVE"), help="an image's tar, or an OCI layout"
    )
    verify.general.add_argument("--deep", action="store_true", help="unpack the layers too, and check their diff IDs")
    add_progress(verify)


def _add_inspect(commands: Any) -> None:
    inspect = commands.add_parser(
        "inspect",
        usage="dockferry inspect [OPTIONS] ARCHIVE|IMAGE",
        help="show what an archive or an image holds",
        description="Show an image's digest, platform, settings and layers: from an archive\n"
        "where a file of that name is there, else from the registry, without its layers.",
        epilog="examples:\n  dockferry inspect nginx_latest_amd64.tar\n  dockferry inspect nginx:latest --json",
    )
    inspect.add_argument("what", metavar="ARCHIVE|IMAGE", help="a path, or an image's name")
    inspect.general.add_argument("--json", action="store_true", help="one JSON object for each image")
    add_platform(add_access(inspect))
    add_patience(inspect)
    add_config(inspect)


def _add_tags(commands: Any) -> None:
    tags = commands.add_parser(
        "tags",
        usage="dockferry tags [OPTIONS] REPOSITORY",
        help="list a repository's tags",
        description="List a repository's tags, one a line, in the registry's order.",
        epilog="example:\n  dockferry tags ghcr.io/org/app",
    )
    tags.add_argument("repository", metavar="REPOSITORY", help="[REGISTRY/]REPOSITORY")
    add_access(tags)
    add_patience(tags)
    add_config(tags)


def _add_config(commands: Any) -> None:
    config = commands.add_parser(
        "config",
        usage="dockferry config [--config FILE]",
        help="show the settings in force, and where each comes from",
        description="Show the settings in force and where each comes from, in the form of the\n"
        "configuration file itself. A flag comes before the environment (DOCKFERRY_...),\n"
        "that before the file, and that before the default.",
        epilog="example:\n  dockferry config",
    )
    add_config(config)


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo",
        usage="dockferry demo [OPTIONS]",
        help="see a pull interrupted, resumed and verified",
        description="Make an image, serve it slowly on this machine alone, pull it, interrupt\n"
        "the pull, resume it and verify the archive.",
    )
    demo.general.add_argument(
        "-o", "--output", metavar="DIR", type=values.output, help="where the archive is put (default: demo-out)"
    )
    demo.general.add_argument(
        "--size", metavar="SIZE", type=values.size("--size"), help="the image's size (default: 90MB)"
    )
    demo.general.add_argument(
        "--rate",
        metavar="SIZE",
        type=values.size("--rate"),
        help="what each connection gets a second (default: 500kB)",
    )


def _add_completion(commands: Any) -> None:
    completion = commands.add_parser(
        "completion",
        usage="dockferry completion SHELL",
        help="print a shell's completion script",
        description="Print a script that completes dockferry's commands and options.",
        epilog='example:\n  eval "$(dockferry completion bash)"',
    )
    completion.add_argument(
        "shell", metavar="SHELL", choices=SHELLS, type=values.one_of("SHELL", SHELLS), help=", ".join(SHELLS)
    )


def _add_help(commands: Any) -> None:
    shown = commands.add_parser("help", usage="dockferry help [COMMAND]", help="show a command's help")
    shown.add_argument(
        "topic",
        nargs="?",
        metavar="COMMAND",
        choices=COMMANDS,
        type=values.one_of("COMMAND", COMMANDS),
        help=", ".join(COMMANDS),
    )


def _unknown_command(word: str) -> UsageError:
    from ..text import clean

    guess = did_you_mean(word, COMMANDS)
    if not guess and any(mark in word for mark in ":/."):
        guess = Message("did you mean dockferry pull {}?", clean(word, 80))
    return UsageError(
        "wanted a command ({}), got {}",
        ", ".join(COMMANDS),
        clean(repr(word), 80),
        remedy=guess or "see dockferry --help",
    )
