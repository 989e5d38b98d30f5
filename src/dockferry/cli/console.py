"""Console: guided use on a real terminal, with real registries."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from contextlib import contextmanager, suppress
from typing import Any, Callable, Dict, Iterator, List, Sequence, Set, Tuple

from ..errors import Interrupted
from ..events import Event, OnEvent, Warned
from ..text import printable
from . import output, report
from .guided import Choice, Order, Talk, guide
from .language import say
from .presenters import fit
from .settled import places, settle

PROGRAM = ("dockferry", "pull")


def is_there() -> bool:
    """Whether somebody sits before it, who can be asked."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def run(options: Sequence[str] = (), program: Sequence[str] = PROGRAM) -> int:
    """The dialogue; its exit code. `options` are for every pull, `program` is what the user types for them.

    It waits for a key before it comes back: the window would close. Raises Interrupted, OutputClosed.
    """
    talk = Talk(_ask, _secret, _tell)
    with suppress(ImportError):  # Windows has an editor of lines of its own
        import readline  # noqa: F401
    sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        settle(Namespace(config=None))
        return guide(talk, Counter(options, program))
    except KeyboardInterrupt:  # at a question: there is no command to run again
        raise Interrupted("interrupted", remedy="what was downloaded is kept") from None
    except (Interrupted, output.OutputClosed):
        raise
    except Exception as error:  # told before the window closes
        code = report.tell(error)
        with suppress(EOFError):
            _ask(say("Press Enter to leave. "))
        return code


class Counter:
    """The desk: it asks registries, and pulls."""

    def __init__(self, options: Sequence[str], program: Sequence[str]) -> None:
        self._options, self._program = tuple(options), tuple(program)
        self._warned: Set[str] = set()
        self._typed: Tuple[str, ...] = self._program

    def usual(self, image: str) -> str:
        from ..config.document import Mirrored
        from ..oci.reference import Reference

        registry = Reference.parse(image).registry
        known = settle(Namespace(config=None)).registries.get(registry, Mirrored())
        return ", ".join(((registry,) if known.origin else ()) + known.mirrors)

    def mirrors(self, text: str) -> Tuple[str, ...]:
        from ..registry.access import Access
        from ..registry.endpoint import Endpoint
        from . import values

        found = values.mirrors(text)
        for mirror in found:
            Endpoint.of_mirror(mirror, Access())
        return tuple(found)

    def choice(self, order: Order) -> Choice:
        from ..usecases.offer import offered

        with self._asking(order, "look up") as asking:
            return Choice(*offered(order.image, **asking))

    def facts(self, order: Order) -> List[Tuple[str, str]]:
        from ..oci.platform import Platform
        from ..oci.reference import Reference
        from ..text import clean, human_size
        from ..usecases.inspection import inspect_image
        from ..usecases.target import Target
        from .presenters.words import as_typed

        with self._asking(order, "inspect") as asking:
            found = inspect_image(order.image, platform=order.platform or None, **asking)
        size = sum({layer.digest: layer.size for layer in found.layers}.values())
        platform = Platform.parse(found.platform) if "/" in found.platform else None
        path = Target.of(None, "docker", Reference.parse(order.image), platform).path
        return [
            (say("image"), clean(found.name)),
            (say("digest"), found.digest),
            (say("platform"), found.platform or say("none: no image, but an artifact")),
            (say("size"), say("{} in {} layers", human_size(size), len(found.layers))),
            (say("file"), as_typed(os.path.abspath(path))),
        ]

    def pull(self, order: Order) -> None:
        from .access import access
        from .pull_command import pull_one

        args = self._args(order)
        args.typed = self.command(order)  # what the answers came to
        settings = settle(args)
        result = pull_one(args, settings, access(args, settings), order.image)
        if not sys.stdout.isatty():  # else the summary has just said it
            output.line(str(result.path))

    def command(self, order: Order) -> Sequence[str]:
        return (*self._program, *order.words)

    def _args(self, order: Order) -> Namespace:
        """As typed; the log is told once how the program was started."""
        from .parser import parse

        args = parse(["pull", *self._options, *order.words])
        args.password = order.password
        args.typed, self._typed = self._typed, ()
        return args

    @contextmanager
    def _asking(self, order: Order, verb: str) -> Iterator[Dict[str, Any]]:
        """The options of a use case that asks registries; retries are shown, each warning once."""
        from .access import access
        from .presenters.choose import presenters

        args = self._args(order)
        settings = settle(args)
        args.progress = "none"
        with presenters(args, f"{verb} {order.image}", sys.stderr) as shown:
            yield {
                "access": access(args, settings),
                "retry": settings.maybe_retry(),
                "on_event": self._once(shown),
                **places(args, settings, order.image),
            }

    def _once(self, shown: OnEvent) -> OnEvent:
        def tell(event: Event) -> None:
            if isinstance(event, Warned):
                if event.message in self._warned:
                    return
                self._warned.add(event.message)
            shown(event)

        return tell


def _ask(prompt: str) -> str:
    if sys.stdout.isatty():
        return _answer(lambda: input(fit(prompt, sys.stdout.encoding)))  # it knows how wide the prompt is
    sys.stderr.write(fit(prompt, sys.stderr.encoding))
    sys.stderr.flush()
    return _answer(input)


def _secret(prompt: str) -> str:
    import getpass

    return _answer(lambda: getpass.getpass(fit(prompt, sys.stderr.encoding)))


def _answer(read: Callable[[], str]) -> str:
    try:
        return read()
    except (EOFError, KeyboardInterrupt):
        _tell("")  # what comes next stands on a line of its own
        raise


def _tell(line: str) -> None:
    with suppress(OSError):  # a terminal that has gone
        print(fit(printable(line), sys.stderr.encoding), file=sys.stderr, flush=True)
