"""`dockferry config`: the settings in force, in the form of the file, each with where it comes from."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from typing import TYPE_CHECKING, Any, Iterator

from ..config.table import PROXY, SETTINGS
from ..text import clean, redact_url, shown_path
from . import output
from .language import say

if TYPE_CHECKING:
    from ..config.document import Mirrored
    from ..config.settings import Settings


def run_config(args: Namespace, settings: Settings) -> int:
    """The file's path and the settings go to standard output, as TOML that could be such a file."""
    from ..config.files import place

    path = place(os.environ, args.config)
    shown = shown_path(path) if path else say("no home to look in")
    is_there = path is not None and os.path.exists(path)
    output.line(f"# {say('file: {}' if is_there else 'file: {} (not there)', shown)}")
    for line in _lines(settings):
        output.line(line)
    return 0


def _lines(settings: Settings) -> Iterator[str]:
    for setting in SETTINGS:
        value = getattr(settings, setting.name)
        source = shown_path(say(settings.sources[setting.name]))
        if value is None:
            yield f"# {say('{} is not set', setting.name)}"
            continue
        exact = _toml(value)
        shown = _toml(redact_url(value)) if setting.kind is PROXY else clean(exact, 2000)
        mark = "" if shown == exact else "# "  # a login was left out: no line to be copied
        yield f"{mark}{f'{setting.name} = {shown}':<30} # {source}"
    for registry, mirrored in settings.registries.items():
        yield ""
        yield from _table(registry, mirrored)


def _table(registry: str, mirrored: Mirrored) -> Iterator[str]:
    yield f"[registries.{_toml(registry)}]"
    yield f"mirrors = {_toml(list(mirrored.mirrors))}"
    yield f"origin = {_toml(mirrored.origin)}"
    if mirrored.trust is not None:
        yield f"trust = {clean(_toml(mirrored.trust))}"


def _toml(value: Any) -> str:
    """JSON's texts, numbers, booleans and lists are TOML's too."""
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False)
