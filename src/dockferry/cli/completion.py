"""Shell completion, made by shtab from the grammar."""

from __future__ import annotations

from ..errors import UsageError
from . import parser
from .language import say

_FILES = ("FILE", "ARCHIVE", "ARCHIVE|IMAGE")


def script(shell: str) -> str:
    """The completion script for `shell`. Raises UsageError where shtab is missing."""
    try:
        import shtab
    except ImportError as error:
        raise UsageError("completion: wanted the library shtab, got: {}", error, remedy="pip install shtab") from None
    whole = parser.build()
    for command in whole.get_default("parsers").values():
        for action in command.actions():
            action.help = say(action.help) if action.help else action.help
            if action.metavar in _FILES:
                action.complete = shtab.FILE
    return str(shtab.complete(whole, shell))
