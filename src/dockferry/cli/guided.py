"""Guided use: what is asked of somebody who started the program without a word, and what becomes of the answers.

*Strategy.* A dialogue over three functions (ask, ask for a secret, tell) and a desk that knows the registries. The
answers come to an order, which is the words of a command line: what is done then is what that command line does.
What goes wrong is told in one line, and asked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Callable, List, NamedTuple, Optional, Protocol, Sequence, Tuple, TypeVar

from ..errors import AuthError, DiskError, DockferryError, Interrupted, NetworkError, UsageError
from ..oci.reference import Reference
from ..system.shell import shell_word
from ..text import clean, narrowed
from . import cells
from .language import say

T = TypeVar("T")

_YES = ("", "y", "yes", "是")
_NO = ("n", "no", "否")


class Talk(NamedTuple):
    """How the user is spoken to. `ask` and `secret` take a prompt and give the line that was typed, the latter
    without showing it; they raise EOFError where no more comes, KeyboardInterrupt. `tell` takes a line."""

    ask: Callable[[str], str]
    secret: Callable[[str], str]
    tell: Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What was answered so far. Without `mirrors` the configuration says where from; without a `platform` it is this
    machine's; `password` is only there with a `username`."""

    image: str
    mirrors: Tuple[str, ...] = ()
    platform: str = ""
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def words(self) -> List[str]:
        """The same as `dockferry pull` takes it, but for the password."""
        words = [self.image]
        for option, value in (
            ("-r", ",".join(self.mirrors)),
            ("--platform", self.platform),
            ("-u", self.username),
        ):
            words += [option, value] if value else []
        return words


class Choice(NamedTuple):
    """What can be chosen between: platforms, and `own`, which is this machine's, or None."""

    platforms: Sequence[str]
    own: Optional[str]


class Desk(Protocol):
    """Where orders are dealt with. All but `usual` and `command` raise DockferryError."""

    def usual(self, image: str) -> str:
        """Where `image` comes from where nothing is said, for people."""

    def mirrors(self, text: str) -> Tuple[str, ...]:
        """The mirrors that `text` names."""

    def choice(self, order: Order) -> Choice:
        """What the registry has."""

    def facts(self, order: Order) -> Sequence[Tuple[str, str]]:
        """What would be downloaded and where to: names and values."""

    def pull(self, order: Order) -> None:
        """Download it, and say how to load it."""

    def command(self, order: Order) -> Sequence[str]:
        """The command line that does the same."""


def guide(talk: Talk, desk: Desk) -> int:
    """The exit code: 0, as everything that went wrong was told and asked again. Raises KeyboardInterrupt."""
    talk.tell(say("Enter alone takes what stands in brackets. Ctrl-C leaves: what was downloaded is kept."))
    try:
        image = _image(talk)
        while not _one(talk, desk, image):
            image = _image(talk, image)
        talk.ask(say("Press Enter to leave. "))
    except EOFError:
        pass
    return 0


def _one(talk: Talk, desk: Desk, image: str) -> bool:
    """One image, from its name to its archive; whether that stands there."""
    chosen = _patiently(talk, desk.choice, Order(image, _mirrors(talk, desk, image)))
    if chosen is None:
        return False
    order, choice = chosen
    described = _patiently(talk, desk.facts, replace(order, platform=_platform(talk, choice)))
    if described is None:
        return False
    order, facts = described
    wide = max(cells.width(name) for name, _ in facts)
    for name, value in facts:
        talk.tell(f"{cells.left(f'{name}:', wide + 2)}{value}")
    if not _agrees(talk, say("Begin? [Y/n] ")):
        return False
    done = _patiently(talk, desk.pull, order)
    if done is not None:
        talk.tell(say("The same without questions: {}", " ".join(map(shell_word, desk.command(done[0])))))
    return done is not None


def _image(talk: Talk, last: str = "") -> str:
    question = say("Image [{}]: ", clean(last)) if last else say("Image, such as nginx:1.27: ")
    while True:
        text = narrowed(talk.ask(question)).strip() or last
        try:
            Reference.parse(text)
            return text
        except UsageError as error:
            talk.tell(say(error.line))


def _mirrors(talk: Talk, desk: Desk, image: str) -> Tuple[str, ...]:
    while True:
        text = narrowed(talk.ask(say("From which registry or mirror? [{}] ", desk.usual(image)))).strip()
        try:
            return desk.mirrors(text) if text else ()
        except UsageError as error:
            talk.tell(say(error.line))


def _platform(talk: Talk, choice: Choice) -> str:
    """One of the list; empty for this machine's own, and where there is nothing to choose."""
    platforms = list(choice.platforms)
    if len(platforms) < 2:
        return "" if platforms[:1] == [choice.own] else "".join(platforms)
    for number, name in enumerate(platforms, 1):
        mark = f"  ({say('as this machine')})" if name == choice.own else ""
        talk.tell(f"{number:>3}  {name}{mark}")
    default = f" [{platforms.index(choice.own) + 1}]" if choice.own else ""
    while True:
        text = narrowed(talk.ask(say("Which platform?{} ", default))).strip()
        found = _listed(text, platforms) if text else choice.own
        if found is not None:
            return "" if found == choice.own else found
        got = clean(repr(text), 80)
        talk.tell(say("wanted a number from 1 to {}, or a name of the list, got {}", len(platforms), got))


def _listed(text: str, platforms: List[str]) -> Optional[str]:
    """By number or by name."""
    if text.isascii() and text.isdigit():
        number = int(text[:9])
        return platforms[number - 1] if 0 < number <= len(platforms) and len(text) <= 9 else None
    return text.lower() if text.lower() in platforms else None


def _agrees(talk: Talk, question: str) -> bool:
    while True:
        text = narrowed(talk.ask(question)).strip()
        if text.lower() in _YES + _NO:
            return text.lower() in _YES
        talk.tell(say("wanted y or n, got {}", clean(repr(text), 80)))


def _patiently(talk: Talk, call: Callable[[Order], T], order: Order) -> Optional[Tuple[Order, T]]:
    """`order`, with the login that it took, and what `call` gives for it; None where another image is to be named.

    A login is asked for once. What may be well the next time is tried again as often as the user wants it.
    """
    while True:
        try:
            return order, call(order)
        except Interrupted:
            raise
        except DockferryError as error:
            is_to_be_asked = isinstance(error, AuthError) and not order.username  # so its remedy comes of itself
            talk.tell(say(error.message if is_to_be_asked else error.line))
            again = _again(talk, error, order)
            if again is None:
                return None
            order = again


def _again(talk: Talk, error: DockferryError, order: Order) -> Optional[Order]:
    """What is tried after `error`, None for nothing."""
    if isinstance(error, AuthError):
        return None if order.username else _login(talk, order)
    may_help = isinstance(error, DiskError) or (isinstance(error, NetworkError) and error.is_retryable)
    return order if may_help and _agrees(talk, say("Try again? [Y/n] ")) else None


def _login(talk: Talk, order: Order) -> Optional[Order]:
    while True:
        username = talk.ask(say("User name (Enter for another image): ")).strip()
        if ":" not in username:
            break
        talk.tell(say("wanted a user name without a colon; the password is asked for next"))
    if not username:
        return None
    password = talk.secret(say("Password of {}: ", username))
    return replace(order, username=username, password=password) if password else None
