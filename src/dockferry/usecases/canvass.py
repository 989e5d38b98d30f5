"""Canvass: one question to several sources at once, and what each of them says.

*Strategy.* A thread for each source, which only asks; this one reads the answers, waits and tells.
"""

from __future__ import annotations

import functools
import queue
import time
from dataclasses import dataclass
from typing import Callable, Generic, List, Optional, Sequence, TypeVar, Union

from ..errors import DockferryError
from ..events import OnEvent, Warned
from ..message import Message
from ..registry.repository import Repository
from ..transfer.retry import RetryPolicy
from .aside import hear, run_aside
from .patience import Patience

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """One source's: `value`, or the `error` that it came to."""

    source: Repository
    value: Optional[T] = None
    error: Optional[DockferryError] = None


@dataclass(frozen=True)
class Question(Generic[T]):
    """`ask` raises DockferryErrors; `what` is its object for people. `grace`: seconds that the others get after the
    first value. `is_final`: an error that is as good as a value."""

    what: str
    ask: Callable[[Repository], T]
    grace: float
    is_final: Callable[[Answer[T]], bool] = lambda answer: False


def canvass(
    question: Question[T], sources: Sequence[Repository], policy: RetryPolicy, on_event: OnEvent
) -> List[Answer[T]]:
    """What the `sources` say, in their order, at least one of them a value; those that may have one later are asked
    again as `policy` has it.

    Without any value the first source's error is raised.
    """
    asked = sources
    first: Optional[DockferryError] = None
    patience = Patience(question.what, policy, on_event)
    while True:
        answers = ask_all(question, asked)
        errors = [(answer.source, answer.error) for answer in answers if answer.error is not None]
        if len(errors) < len(answers):
            _tell_missing(question, asked, answers, on_event)
            return answers
        first = first or errors[0][1]
        asked = [source for source, error in errors if error.is_retryable]
        final = next((answer.error for answer in answers if question.is_final(answer)), None)
        failures = [(source.name, error) for source, error in errors if error.is_retryable]
        if final is not None or not patience.rest(failures):
            raise final or first


def ask_all(question: Question[T], sources: Sequence[Repository]) -> List[Answer[T]]:
    """Ask all `sources` at once; the answers in the order of `sources`, without those of sources that said nothing.

    It ends when all have answered, or the grace after the first who has a value or the last word: a slow or dead
    source holds nobody up. Who has not answered is left to its thread, which ends by the source's own timeouts, or
    by its `abort`.
    """
    told: queue.SimpleQueue[Union[Answer[T], BaseException]] = queue.SimpleQueue()
    for source in sources:
        run_aside(functools.partial(_ask, source, question.ask, told.put), told.put, f"ask {source.name}")
    answers: List[Answer[T]] = []
    end = float("inf")
    while len(answers) < len(sources):
        try:
            answer = hear(told, end)
        except queue.Empty:
            break
        if isinstance(answer, BaseException):
            raise answer
        answers.append(answer)
        if answer.error is None or question.is_final(answer):
            end = min(end, time.monotonic() + question.grace)
    return sorted(answers, key=lambda answer: sources.index(answer.source))


def _ask(source: Repository, ask: Callable[[Repository], T], tell: Callable[[Answer[T]], None]) -> None:
    try:
        tell(Answer(source, value=ask(source)))
    except DockferryError as error:
        tell(Answer(source, error=error))


def _tell_missing(
    question: Question[T], asked: Sequence[Repository], answers: Sequence[Answer[T]], on_event: OnEvent
) -> None:
    """Which sources failed, and which were not heard in time, where that matters."""
    heard = [answer.source for answer in answers]
    for answer in answers:
        if answer.error is not None:
            on_event(Warned(Message("{}; going by the other sources", answer.error.message)))
    silent = ", ".join(source.name for source in asked if source not in heard)
    if silent and question.grace:
        on_event(
            Warned(
                Message(
                    "{}: no answer from {} within {:g} s; going by the others", question.what, silent, question.grace
                )
            )
        )
