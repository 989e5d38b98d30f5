"""In turn: one question to several sources, one after the other, until one of them has an answer."""

from __future__ import annotations

import functools
from typing import Callable, Dict, Optional, Sequence, Tuple, TypeVar

from ..errors import AuthError, ContentError, DockferryError, NetworkError, NotFoundError
from ..events import OnEvent, Warned
from ..message import Message
from ..registry.repository import Repository
from ..transfer.retry import RetryPolicy
from .aside import aside
from .patience import Patience

T = TypeVar("T")


class InTurn:
    """The `sources`, and who is asked first: the one that answered last."""

    def __init__(self, sources: Sequence[Repository], policy: RetryPolicy, on_event: OnEvent) -> None:
        self._order = list(sources)
        self._policy, self._on_event = policy, on_event
        self._is_known = False

    @property
    def first(self) -> Repository:
        """Who is asked first."""
        return self._order[0]

    def answered(self, source: Repository) -> None:
        """It is there, and asked first from now on."""
        self._order = [source, *(other for other in self._order if other is not source)]
        self._is_known = True

    def ask(
        self, question: Callable[[Repository], T], what: str, only: Optional[Repository] = None
    ) -> Tuple[Repository, T]:
        """Who has an answer to `question`, and that; `what` is its object for people. `only`: nobody else is asked.

        Only when none has an answer, those that may have one later are waited for. Raises the first source's error.
        """
        errors: Dict[Repository, DockferryError] = {}
        asked = self._order if only is None else [only]
        patience = Patience(what, self._policy, self._on_event, is_known=self._is_known)
        while True:
            for source in asked:
                try:
                    found = aside(functools.partial(question, source), f"ask {source.name}")
                except (NetworkError, NotFoundError, AuthError, ContentError) as error:
                    if source not in errors and source is not asked[-1]:
                        told = error.message if error.is_retryable else error.line
                        self._on_event(Warned(Message("{}; asking the next source", told)))
                    errors[source] = error
                else:
                    self.answered(source)
                    return source, found
            asked = [source for source in asked if errors[source].is_retryable]
            if not patience.rest([(source.name, errors[source]) for source in asked]):
                raise next(iter(errors.values()))
