"""What an option's value may be: functions from the typed text to a value, or a UsageError of one line."""

from __future__ import annotations

import os
from typing import Any, Callable, List, Sequence

from ..config.table import BY_NAME
from ..errors import UsageError
from ..guess import did_you_mean
from ..message import Message

_MAX_SIZE = 10**9


def one_of(option: str, allowed: Sequence[str]) -> Callable[[str], str]:
    """A check for `option` that takes one of the words `allowed`."""

    def check(text: str) -> str:
        if text in allowed:
            return text
        raise _bad(option, Message("one of {}", ", ".join(allowed)), text, did_you_mean(text, allowed))

    return check


def setting(name: str) -> Callable[[str], Any]:
    """A check for the flag of the setting `name`."""

    def check(text: str) -> Any:
        from ..config.checks import from_text

        return from_text(BY_NAME[name], text, BY_NAME[name].flag)

    return check


def mirrors(text: str) -> List[str]:
    """One `-r`: hosts separated by commas, each HOST[:PORT][/PREFIX]; what a host may be is the mirrors' affair."""
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise _bad("--registry", "HOST[:PORT][/PREFIX], several separated by commas", text, "leave out empty parts")
    return found


def trusted(text: str) -> str:
    if not text:
        raise _bad("--trust", "a host that is fetched from", text, "write it as in the message that asks for it")
    return text


def platform(text: str) -> str:
    from ..oci.platform import Platform

    return str(Platform.parse(text))


def architecture(text: str) -> str:
    """`arm64` or `arm/v7`, for Linux."""
    if text.lower().startswith("linux/"):
        remedy = Message("give it as --platform {}", text)
        raise _bad("--arch", "an architecture such as arm64 or arm/v7", text, remedy)
    return platform(f"linux/{text}")


def user(text: str) -> str:
    # The text is not shown: what stands after a colon is most likely a password.
    if not text or ":" in text:
        got = Message("one with a colon" if text else "an empty one")
        raise UsageError(
            "--username: wanted a user name, got {}",
            got,
            remedy="give the password with --password-stdin",
        )
    return text


def token_host(text: str) -> str:
    from ..registry.realm import parse_token_host

    return parse_token_host(text)


def file_to_read(option: str) -> Callable[[str], str]:
    """A check for `option` that takes the path of a file that is there."""

    def check(text: str) -> str:
        if os.path.isfile(text):
            return text
        raise _bad(option, "a file that is there", text, "check the path")

    return check


def path(argument: str) -> Callable[[str], str]:
    """A check for `argument` that takes any path; an empty one would mean this directory."""

    def check(text: str) -> str:
        if text:
            return text
        raise _bad(argument, "a path", text, "check what expands to nothing")

    return check


def output(text: str) -> str:
    if text == "-":
        raise UsageError(
            "--output: wanted a file or a directory, got '-' (an archive is written in place, not as a stream)",
            remedy="pull to a file, then send that file",
        )
    if not text:
        raise _bad("--output", "a file or a directory", text, "leave it out to have the name chosen")
    return text


def size(option: str) -> Callable[[str], int]:
    """A check for `option` that takes bytes, with a decimal unit or none: `90MB`, `500kB`, `1000`."""

    def check(text: str) -> int:
        number = text.strip().upper().rstrip("B").rstrip()
        factor = {"K": 10**3, "M": 10**6, "G": 10**9}.get(number[-1:], 1)
        number = number if factor == 1 else number[:-1].rstrip()
        if number.isascii() and number.isdigit() and 0 < int(number[:18]) * factor <= _MAX_SIZE:
            return int(number) * factor
        raise _bad(option, "a number of bytes like 90MB or 500kB, up to 1GB", text, "see dockferry demo --help")

    return check


def _bad(option: str, wanted: str, got: str, remedy: str) -> UsageError:
    from ..text import redact

    return UsageError("{}: wanted {}, got {}", option, Message.of(wanted), redact(repr(got)), remedy=remedy)
