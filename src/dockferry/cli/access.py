"""From the options about registry and network to an Access; where the password comes from."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..message import Message
from .language import say

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..registry.access import Access


def access(args: Namespace, settings: Settings) -> Access:
    """Raises UsageError where the options do not go together or the password is missing."""
    from ..registry.access import Access

    return Access(
        username=args.username or "",
        password=password(args),
        ca_cert=settings.ca_cert,
        insecure=args.insecure,
        plain_http=args.plain_http,
        proxy=settings.proxy,
        token_hosts=tuple(args.token_hosts),
        connect_timeout=settings.connect_timeout,
        first_byte_timeout=settings.first_byte_timeout,
        idle_timeout=settings.idle_timeout,
    )


def password(args: Namespace) -> str:
    """What was asked for already, else from standard input where that is wanted, else asked of the user.

    Empty without a user name, and where the environment has one, which the store of credentials reads. With `--yes`
    nothing is asked.
    """
    from ..registry.credentials import PASSWORD_VARIABLE

    given: str = getattr(args, "password", "")
    if given:
        return given
    if args.password_stdin:
        if args.username is None:
            raise UsageError("--password-stdin: wanted --username with it, got none", remedy="add -u USER")
        return _not_empty(sys.stdin.read(), Message("standard input"))
    if args.username is None or os.environ.get(PASSWORD_VARIABLE):
        return ""
    if sys.stdin.isatty() and not getattr(args, "yes", False):
        import getpass

        return _not_empty(getpass.getpass(say("Password of {}: ", args.username)), Message("the terminal"))
    raise UsageError(
        "--username: wanted a password for it, got none",
        remedy=Message("give it with --password-stdin or in {}", PASSWORD_VARIABLE),
    )


def _not_empty(text: str, where: str) -> str:
    """As docker login: one end of line is not part of the password."""
    secret = text[:-1] if text.endswith("\n") else text
    secret = secret[:-1] if secret.endswith("\r") else secret
    if not secret:
        raise UsageError("wanted a password from {}, got an empty one", where, remedy="check what writes it")
    return secret
