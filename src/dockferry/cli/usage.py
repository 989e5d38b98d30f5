"""argparse with our manners: an error is a UsageError of one line, help looks the same on every Python."""

from __future__ import annotations

import argparse
import os
from typing import Any, List, NoReturn, Optional, Sequence, Tuple

from ..errors import UsageError
from ..guess import did_you_mean
from ..message import Message
from . import cells, output
from .language import say
from .values import setting


def _said(text: Optional[str]) -> Optional[str]:
    """argparse before Python 3.13 asks for a description that is not there, too."""
    return say(text) if text else text


setattr(argparse, "_", _said)  # noqa: B010 - its own few words: there is no other way to them, and none in its stubs


class Parser(argparse.ArgumentParser):
    """Raises UsageError instead of exiting; no abbreviations; `-h` stands in the group of general options."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", Formatter)
        super().__init__(add_help=False, allow_abbrev=False, **settings)
        self._positionals.title = Message("arguments")
        self.color = False  # Python 3.14 would colour some of the words
        self.general = self.add_argument_group("general")
        self._many = ""
        self.helped_as = self.prog
        """What the user types before `--help`."""
        self.general.add_argument("-h", "--help", action="help", help="show this help and leave")
        self.general.add_argument(
            "--lang",
            metavar="LANGUAGE",
            default=argparse.SUPPRESS,  # a command's own default would undo what stands before the command
            type=setting("lang"),
            help="en, zh_CN; auto, the default, is that of your locale",
        )

    def error(self, message: str) -> NoReturn:
        raise UsageError("{}{}", _after_first_word(self.prog), message, remedy=self._see())

    def _see(self) -> Message:
        return Message("see {} --help", self.helped_as)

    def print_help(self, file: object = None) -> None:
        """Raises OutputClosed, DiskError, whatever argparse makes of a stream that takes nothing."""
        output.line(self.format_help().rstrip("\n"))

    def add_many(self, dest: str, **settings: Any) -> None:
        """An argument that may be given several times, between options too (argparse takes one run of them)."""
        self.add_argument(dest, nargs="+", **settings)
        self._many = dest

    def take_rest(self, args: argparse.Namespace, words: Sequence[str]) -> None:
        """`words`, which no option or argument took, go to the argument that takes many.

        Raises UsageError if there is none or an option is among them; of an option only the name is shown.
        """
        names = [word.partition("=")[0] for word in words if word.startswith("-")]
        if names:
            guess = did_you_mean(names[0], self.known_options())
            raise UsageError(
                "{}no such option: {}",
                _after_first_word(self.prog),
                names[0],
                remedy=guess or self._see(),
            )
        if self._many:
            getattr(args, self._many).extend(words)
        elif words:
            self.error(Message.counted("{} argument more than wanted", "{} arguments more than wanted", len(words)))

    def actions(self) -> List[argparse.Action]:
        """All options and arguments."""
        return list(self._actions)

    def groups(self) -> List[Tuple[str, List[argparse.Action]]]:
        """The same under their headings, in the order of help; subcommands are left out."""
        return [
            (
                group.title or "",
                [one for one in group._group_actions if not isinstance(one, argparse._SubParsersAction)],
            )
            for group in self._action_groups
        ]

    def known_options(self) -> List[str]:
        return [name for action in self._actions for name in action.option_strings if name.startswith("--")]


class Formatter(argparse.RawDescriptionHelpFormatter):
    """In the user's language; paragraphs as written; `-o, --output FILE` with the value once; at most 100 columns."""

    def __init__(self, prog: str, **settings: Any) -> None:
        settings["width"] = min(_columns(), 100) - 2
        settings["max_help_position"] = 30
        super().__init__(prog, **settings)

    def start_section(self, heading: Optional[str]) -> None:
        super().start_section(say(heading or ""))

    def add_text(self, text: Optional[str]) -> None:
        super().add_text(say(text) if text else text)

    def _get_help_string(self, action: argparse.Action) -> Optional[str]:
        return say(action.help) if action.help else action.help

    def _split_lines(self, text: str, width: int) -> List[str]:
        return cells.wrap(text, width)

    def _format_action(self, action: argparse.Action) -> str:
        """argparse counts characters, and so leaves too much room behind wide ones."""
        text = super()._format_action(action)
        shown = self._format_action_invocation(action)
        return text.replace(shown + " " * (cells.width(shown) - len(shown)), shown, 1)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        names = ", ".join(action.option_strings)
        return names if action.nargs == 0 else f"{names} {action.metavar or action.dest.upper()}"


def _columns() -> int:
    """As shutil.get_terminal_size, whose module takes long to import."""
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


def _after_first_word(prog: str) -> str:
    """`pull: ` of `dockferry pull`: the boundary itself says `dockferry: `."""
    command: Optional[str] = prog.partition(" ")[2]
    return f"{command}: " if command else ""
