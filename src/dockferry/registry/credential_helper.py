"""Credential helper: a program `docker-credential-NAME` that keeps secrets for Docker.

The protocol: `get` as its argument, the server's name on stdin, `{"ServerURL", "Username", "Secret"}` on stdout;
on failure a message on stdout and an exit code other than 0.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Mapping, Optional, Tuple

from .. import itself
from ..errors import AuthError
from ..message import Message
from ..system.programs import maybe_program
from ..text import clean

HELPER_SECONDS = 60.0
"""Long enough to type a passphrase into the helper's own window."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)
_MAX_ANSWER = 64 * 1024
_NOT_FOUND = ("credentials not found", "no credentials server url", "no credentials username", "no stored credential")


def ask_helper(name: str, server: str, environ: Mapping[str, str], seconds: float) -> Optional[Tuple[str, str]]:
    """User name and secret that the helper `name` keeps for `server`, None where it keeps none.

    Raises AuthError, naming the helper, where it is missing, fails or talks nonsense. The secret is neither in an
    argument nor in an error.
    """
    program = f"docker-credential-{name}"
    if not _NAME.fullmatch(name):
        raise AuthError("not the name of a credential helper: {}", clean(repr(name), 80))
    path = maybe_program(program, environ)
    if path is None:
        raise AuthError("{} is not in PATH, so its credentials are not used", program)
    try:
        done = subprocess.run(  # noqa: S603 - a program that the user's own configuration names
            [path, "get"],
            input=server.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            env=itself.outside(environ),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise AuthError("{} gave no answer within {:g} s", program, seconds) from None
    except OSError as error:
        raise AuthError("{} could not be run: {}", program, Message(error.strerror or type(error).__name__)) from None
    answer = done.stdout[:_MAX_ANSWER].decode("utf-8", "replace")
    if done.returncode != 0:
        if any(text in answer.lower() for text in _NOT_FOUND):
            return None
        # A message is a line of words; whatever looks like data may hold a secret and is not repeated.
        said = f": {clean(answer, 120)}" if answer.strip() and not set(answer) & set("{}\"'") else ""
        raise AuthError("{} failed with code {}{}", program, done.returncode, said)
    return _parse_answer(answer, program)


def _parse_answer(answer: str, program: str) -> Optional[Tuple[str, str]]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AuthError("{} answered something that is not a JSON object", program)
    username, secret = found.get("Username", ""), found.get("Secret", "")
    if not isinstance(username, str) or not isinstance(secret, str):
        raise AuthError("{} answered a user name or secret that is no text", program)
    return (username, secret) if secret else None
