"""Message: a sentence for people that remembers its template and parts, so that it can be said in their language.

Whoever raises an error or tells an event writes English; only who shows it to somebody knows that person's language.
A Message is its English text wherever a str is wanted; a presenter puts its parts into another language's template.
"""

from __future__ import annotations

from typing import Callable, Optional, Tuple

Translate = Callable[[str, Optional[str], int], str]
"""A template, its plural or None, and the count that chooses between them: what is said instead."""


class Message(str):
    """`template` with `parts` in place of its fields, as `str.format` does it. A part may be a Message itself."""

    template: str
    many: Optional[str]
    parts: Tuple[object, ...]

    def __new__(cls, template: str, *parts: object) -> Message:
        return cls._make(template, None, parts)

    @classmethod
    def counted(cls, one: str, many: str, count: int, *parts: object) -> Message:
        """`one` where `count`, which is the first part, is 1, else `many`: what other languages do is theirs."""
        return cls._make(one, many, (count, *parts))

    @classmethod
    def of(cls, text: str) -> Message:
        """`text`, as a Message."""
        return text if isinstance(text, Message) else cls(text)

    @classmethod
    def _make(cls, template: str, many: Optional[str], parts: Tuple[object, ...]) -> Message:
        chosen = template if many is None or parts[0] == 1 else many
        self = super().__new__(cls, chosen.format(*parts) if parts else chosen)
        self.template, self.many, self.parts = template, many, parts
        return self

    def said(self, translate: Translate) -> str:
        """In the language of `translate`, its parts too where they are messages."""
        count = self.parts[0] if self.many is not None else 0
        assert isinstance(count, int)
        template = translate(self.template, self.many, count)
        if not self.parts:
            return template
        return template.format(*(part.said(translate) if isinstance(part, Message) else part for part in self.parts))

    def __reduce__(self) -> Tuple[object, ...]:
        return _again, (self.template, self.many, self.parts)


def _again(template: str, many: Optional[str], parts: Tuple[object, ...]) -> Message:
    return Message._make(template, many, parts)
