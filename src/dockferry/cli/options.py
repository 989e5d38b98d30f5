"""Groups of options that several commands share."""

from __future__ import annotations

from typing import Any

from ..choices import MAX_THREADS, PROGRESS
from ..config.table import BY_NAME
from ..message import Message
from . import values
from .usage import Parser


def add_platform(group: Any) -> None:
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        "--platform",
        metavar="OS/ARCH[/VARIANT]",
        type=values.platform,
        help="the platform (default: Linux on this machine's architecture)",
    )
    one.add_argument(
        "-a",
        "--arch",
        metavar="ARCH",
        dest="platform",
        type=values.architecture,
        help="the same for Linux: amd64, arm64, arm/v7, ...",
    )


def add_access(parser: Parser) -> Any:
    """For every command that asks a registry; gives back the group."""
    group = parser.add_argument_group("registry and network")
    group.add_argument(
        "-r",
        "--registry",
        metavar="HOST[/PREFIX],...",
        action="extend",
        default=[],
        type=values.mirrors,
        dest="mirrors",
        help="fetch from these mirrors instead of the image's own registry",
    )
    group.add_argument("--with-origin", action="store_true", help="fetch from the image's own registry besides")
    group.add_argument(
        "--trust",
        metavar="HOST",
        type=values.trusted,
        help="where hosts disagree on a tag, believe this one, and ask no other",
    )
    group.add_argument("-u", "--username", metavar="USER", type=values.user, help="log in to the registry as USER")
    group.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    group.add_argument(
        "--token-host",
        metavar="HOST",
        action="append",
        default=[],
        type=values.token_host,
        dest="token_hosts",
        help="let this host have the login, where the registry names it as its token server",
    )
    group.add_argument(
        "--proxy",
        metavar="URL",
        type=values.setting("proxy"),
        help="http, https or socks5 proxy (default: HTTPS_PROXY and its kin)",
    )
    group.add_argument(
        "--ca-cert",
        metavar="FILE",
        type=values.file_to_read("--ca-cert"),
        help="trust the certificates in this PEM file too",
    )
    group.add_argument("--insecure", action="store_true", help="do not check TLS certificates")
    group.add_argument("--plain-http", action="store_true", help="speak HTTP without TLS to the registry")
    return group


def add_patience(parser: Parser) -> None:
    """How long a host is waited for, and how often it is asked again."""
    group = parser.add_argument_group("patience")
    for name, metavar, told in (
        ("retries", "N", Message("tries in a row without a new byte, then a host is given up")),
        ("retry_base", "SECONDS", Message("the wait before the third try, doubled for each after it")),
        ("retry_max", "SECONDS", Message("the longest of these waits")),
        ("connect_timeout", "SECONDS", Message("for a connection to be made")),
        ("first_byte_timeout", "SECONDS", Message("until an answer begins")),
        ("idle_timeout", "SECONDS", Message("how long a body may be silent")),
    ):
        setting = BY_NAME[name]
        shown = Message("{} (default: {:g})", told, setting.default)
        group.add_argument(setting.flag, metavar=metavar, type=values.setting(name), help=shown)


def add_sharing(group: Any) -> None:
    """Connections, and how layers are divided between them."""
    group.add_argument(
        "-t",
        "--threads",
        metavar="N",
        type=values.setting("threads"),
        help=Message("connections, 1 to {} (default: 5, and more while they help)", MAX_THREADS),
    )
    group.add_argument(
        "--piece-size",
        metavar="BYTES",
        type=values.setting("piece_size"),
        help="the least that is asked for at a time of a layer that several connections share (default: 1 to 4 MiB)",
    )
    group.add_argument(
        "--share-from",
        metavar="BYTES",
        type=values.setting("share_from"),
        help="a layer that has less comes over one connection (default: 0)",
    )


def add_config(parser: Parser) -> None:
    parser.general.add_argument(
        "--config",
        metavar="FILE",
        type=values.path("--config"),
        help="read this configuration (default: see dockferry config)",
    )


def add_progress(parser: Parser) -> None:
    group = parser.add_argument_group("what is shown")
    group.add_argument(
        "--progress",
        metavar="HOW",
        choices=PROGRESS,
        type=values.one_of("--progress", PROGRESS),
        help="bar, plain, json (one event a line), none; auto, the default, is bar on a terminal, else plain",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="nothing but errors and the result")
    group.add_argument("--log-file", metavar="FILE", help="add a log to FILE")
    add_config(parser)
