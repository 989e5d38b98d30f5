#!/usr/bin/env python3
"""The command reference: pages made from the program's own grammar, in each language.

    python scripts/reference.py [FOLDER]    # default: docs

What a page says of an option is what --help says of it; settings are those of their table. A test fails when a page
is not what this makes.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Iterator, List, NamedTuple

from dockferry.cli import language
from dockferry.cli.language import say
from dockferry.cli.parser import COMMANDS, build
from dockferry.cli.usage import Parser
from dockferry.config.table import SETTINGS, Setting

ROOT = Path(__file__).resolve().parent.parent


class Page(NamedTuple):
    """A page's file name and language, and the few words in it that are not the program's."""

    name: str
    language: str
    title: str
    opening: str
    columns: str
    settings: str
    setting_columns: str


PAGES = (
    Page(
        "reference.md",
        "en",
        "Command reference",
        "Made from the program's own grammar by `make reference`: it says what `dockferry COMMAND --help` says.",
        "| option | what it does |",
        "Settings",
        "| in the file | flag | variable | default | from – to |",
    ),
    Page(
        "reference.zh.md",
        "zh_CN",
        "命令参考",
        "由 `make reference` 从程序自身的语法生成，与 `dockferry 命令 --help` 显示的内容相同。",
        "| 选项 | 说明 |",
        "设置",
        "| 配置文件 | 命令行 | 环境变量 | 默认 | 范围 |",
    ),
)


def write(page: Page) -> str:
    """The page's text."""
    language.use(page.language)
    parser = build()
    parts = [f"# {page.title}", page.opening, *_command(parser, page, "dockferry")]
    for name in COMMANDS:
        parts += _command(parser.get_default("parsers")[name], page, f"dockferry {name}")
    parts += [
        f"## {page.settings}",
        "\n".join([page.setting_columns, "|---|---|---|---|---|", *map(_setting, SETTINGS)]),
    ]
    language.use("en")
    return "\n\n".join(parts) + "\n"


def _command(parser: Parser, page: Page, name: str) -> Iterator[str]:
    """Heading, usage, what it does, its options group by group, and its closing words."""
    yield f"## {name}"
    if parser.description:
        yield say(parser.description).replace("\n", " " if page.language == "en" else "")
    yield f"```text\n{parser.usage}\n```"
    for title, actions in parser.groups():
        rows = [f"| {_names(action)} | {_cell(say(action.help or ''))} |" for action in actions if action.help]
        if rows:
            yield f"**{say(title)}**"
            yield "\n".join([page.columns, "|---|---|", *rows])
    if name == "dockferry":
        links = [f"[`{command}`](#dockferry-{command})" for command in COMMANDS]
        yield f"**{say('commands')}**: {', '.join(links)}"
    if parser.epilog:
        yield f"```text\n{say(parser.epilog).strip()}\n```"


def _setting(setting: Setting) -> str:
    default = "" if setting.default is None else f"{setting.default:g}" if setting.high else f"`{setting.default}`"
    bounds = f"{_number(setting.low)} – {_number(setting.high)}" if setting.high else ""
    bounds = ", ".join(f"`{word}`" for word in setting.words) or bounds
    return f"| `{setting.name}` | `{setting.flag}` | `{setting.variable}` | {default} | {bounds} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value}"


def _names(action: argparse.Action) -> str:
    """`-o`, `--output FILE`, each spelling by itself, the value after the last."""
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    spellings: List[str] = list(action.option_strings) or [str(action.metavar or action.dest.upper())]
    if action.option_strings:
        spellings[-1] += value
    return ", ".join(f"`{_cell(spelling)}`" for spelling in spellings)


def _cell(text: str) -> str:
    """Within a table's cell: what divides cells is no part of it."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def main(folder: Path) -> None:
    for page in PAGES:
        (folder / page.name).write_text(write(page), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
