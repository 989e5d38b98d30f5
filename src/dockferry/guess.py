"""Guess: which known word a mistyped one was most likely meant to be."""

from __future__ import annotations

from typing import Iterable, Optional

from .message import Message


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """`did you mean X?`, or nothing where no known word is near."""
    near = nearest(text, known)
    return Message("did you mean {}?", near) if near else ""


def nearest(text: str, known: Iterable[str]) -> Optional[str]:
    """The word of `known` that `text` was most likely meant to be."""
    import difflib

    return next(iter(difflib.get_close_matches(text, list(known), 1)), None)
