"""Challenge: what a 401 asks for, in its WWW-Authenticate header (RFC 9110, section 11.6.1).

    WWW-Authenticate := challenge, challenge …
    challenge        := scheme [ SP ( token68 | name=value, name=value … ) ]

The comma separates both challenges and parameters; a name that is followed by "=" is a parameter. Strict, because
what stands here decides where a secret goes: a header value with one fault in it gives no challenge at all.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

MAX_VALUE = 8 * 1024
MAX_VALUES = 16
MAX_PARAMETERS = 32

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SKIP = re.compile(r"[ \t,]*")
_END = re.compile(r"[ \t]*(?:,|\Z)")
_SCHEME = re.compile(rf"({_WORD})(?:[ \t]+|(?=,)|\Z)")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|\Z))")
_PARAMETER = re.compile(
    rf"({_WORD})[ \t]*=[ \t]*"
    rf'(?:({_WORD})|"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*)")'
)


class Challenge(NamedTuple):
    """One way to authorize: `scheme` and the names in `parameters` are lower-case, the values as they came."""

    scheme: str
    parameters: Tuple[Tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """The value of the parameter `name`, empty where it is not there."""
        return dict(self.parameters).get(name, "")


def parse_challenges(values: Sequence[str]) -> Tuple[Challenge, ...]:
    """All challenges in a reply's WWW-Authenticate header values, in order; never raises."""
    found: List[Challenge] = []
    for value in values[:MAX_VALUES]:
        if len(value) <= MAX_VALUE:
            found.extend(_parse_value(value))
    return tuple(found)


def choose_challenge(challenges: Sequence[Challenge]) -> Optional[Challenge]:
    """The one to answer: the first Bearer that has a realm, else Basic, else None."""
    for challenge in challenges:
        if challenge.scheme == "bearer" and challenge.get("realm"):
            return challenge
    return next((challenge for challenge in challenges if challenge.scheme == "basic"), None)


def _parse_value(text: str) -> List[Challenge]:
    """The challenges of one header value; an empty list if anything in it is malformed or stands twice."""
    found: List[Challenge] = []
    takes_parameters = False
    pos = _skip(text, 0)
    while pos < len(text):
        parameter = _PARAMETER.match(text, pos)
        if parameter and takes_parameters:
            name, before = parameter.group(1).lower(), found[-1].parameters
            if len(before) == MAX_PARAMETERS or any(name == known for known, _ in before):
                return []
            found[-1] = Challenge(found[-1].scheme, (*before, (name, _parameter_value(parameter))))
            pos = parameter.end()
        else:
            scheme = _SCHEME.match(text, pos)
            if not scheme:
                return []
            found.append(Challenge(scheme.group(1).lower()))
            token68 = _TOKEN68.match(text, scheme.end())
            pos = token68.end() if token68 else scheme.end()
            takes_parameters = not token68
            if takes_parameters and _PARAMETER.match(text, pos):
                continue
        end = _END.match(text, pos)
        if not end:
            return []
        pos = _skip(text, end.end())
    return found


def _skip(text: str, pos: int) -> int:
    """Past spaces and empty list elements."""
    match = _SKIP.match(text, pos)
    return match.end() if match else pos


def _parameter_value(parameter: re.Match[str]) -> str:
    if parameter.group(2) is not None:
        return str(parameter.group(2))
    return re.sub(r"\\(.)", r"\1", parameter.group(3))
