"""What an option's value may be: functions from the typed text to a value, or a UsageError of one line."""

from __future__ import annotations

import os
import re
from typing import Callable, List, Optional, Sequence

from ..errors import UsageError

MAX_THREADS = 20
PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


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


def proxy(text: str) -> str:
    from ..text import redact_url

    scheme, mark, rest = text.partition("://")
    if not mark or scheme.lower() not in PROXY_SCHEMES or not rest.strip("/"):
        # Without "://" a user and password could stand anywhere: then nothing of it is shown.
        got = repr(redact_url(text)) if mark else "something else"
        raise UsageError(
            f"--proxy: wanted a URL ({', '.join(PROXY_SCHEMES)}), got {got}",
            remedy="write it like http://proxy.example:3128",
        )
    return text


def size(option: str) -> Callable[[str], int]:
    """A check for `option` that takes bytes, as `500kB`, `90MB` or a plain number."""

    def check(text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?(k|M|G)?B?", text, re.ASCII)
        number = int(float(match[1]) * {None: 1, "k": 1e3, "M": 1e6, "G": 1e9}[match[2]]) if match else 0
        if number <= 0:
            raise _bad(option, "a size like 500kB or 90MB", text, "write a number and a unit")
        return number

    return check


def file_to_read(option: str) -> Callable[[str], str]:
    """A check for `option` that takes the path of a file that is there."""

    def check(text: str) -> str:
        if os.path.isfile(text):
            return text
        raise _bad(option, "a file that is there", text, "check the path")

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
