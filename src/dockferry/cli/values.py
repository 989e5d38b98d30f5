"""What an option's value may be: functions from the typed text to a value, or a UsageError of one line."""

from __future__ import annotations

import os
from typing import Callable, List, Optional, Sequence

from ..choices import MAX_THREADS
from ..errors import UsageError

_MAX_SIZE = 10**9


def one_of(option: str, allowed: Sequence[str]) -> Callable[[str], str]:
    """A check for `option` that takes one of the words `allowed`."""

    def check(text: str) -> str:
        if text in allowed:
            return text
        raise _bad(option, f"one of {', '.join(allowed)}", text, did_you_mean(text, allowed))

    return check


def threads(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= MAX_THREADS:
        raise _bad(
            "--threads", f"a whole number from 1 to {MAX_THREADS}", text, "leave it out to let dockferry choose"
        )
    return number


def mirrors(text: str) -> List[str]:
    """One `-r`: hosts separated by commas, each HOST[:PORT][/PREFIX]; what a host may be is the mirrors' affair."""
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise _bad("--registry", "HOST[:PORT][/PREFIX], several separated by commas", text, "leave out empty parts")
    return found


def platform(text: str) -> str:
    from ..oci.platform import Platform

    return str(Platform.parse(text))


def architecture(text: str) -> str:
    """`arm64` or `arm/v7`, for Linux."""
    if text.lower().startswith("linux/"):
        raise _bad("--arch", "an architecture such as arm64 or arm/v7", text, f"give it as --platform {text}")
    return platform(f"linux/{text}")


def user(text: str) -> str:
    # The text is not shown: what stands after a colon is most likely a password.
    if not text or ":" in text:
        got = "an empty one" if not text else "one with a colon"
        raise UsageError(
            f"--username: wanted a user name, got {got}",
            remedy="give the password with --password-stdin",
        )
    return text


def token_host(text: str) -> str:
    from ..registry.realm import parse_token_host

    return parse_token_host(text)


def proxy(text: str) -> str:
    from ..registry.proxies import SCHEMES
    from ..text import redact_url

    scheme, mark, rest = text.partition("://")
    if not mark or scheme.lower() not in SCHEMES or not rest.strip("/"):
        # Without "://" a user and password could stand anywhere: then nothing of it is shown.
        got = repr(redact_url(text)) if mark else "something else"
        raise UsageError(
            f"--proxy: wanted a URL ({', '.join(SCHEMES)}), got {got}",
            remedy="write it like http://proxy.example:3128",
        )
    return text


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


def did_you_mean(text: str, known: Sequence[str]) -> str:
    """`did you mean X?`, or nothing where no known word is near."""
    near = nearest(text, known)
    return f"did you mean {near}?" if near else ""


def nearest(text: str, known: Sequence[str]) -> Optional[str]:
    """The word of `known` that `text` was most likely meant to be."""
    import difflib

    return next(iter(difflib.get_close_matches(text, known, 1)), None)


def _bad(option: str, wanted: str, got: str, remedy: str) -> UsageError:
    from ..text import redact

    return UsageError(f"{option}: wanted {wanted}, got {redact(repr(got))}", remedy=remedy)
