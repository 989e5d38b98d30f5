"""Files: where the configuration is, by each system's custom, and what is read from there."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Tuple

from ..errors import DiskError, UsageError
from ..message import Message
from ..system.settings_home import settings_home
from ..text import redact, shown_path
from .document import Document, parse_document
from .settings import Settings, merge

VARIABLE = "DOCKFERRY_CONFIG"
_MAX_SIZE = 1 << 20


def load(flags: Mapping[str, Any], environment: Mapping[str, str], chosen: Optional[str]) -> Settings:
    """The settings in force; `chosen` is the file that `--config` names. Raises UsageError, DiskError."""
    document, directory = read(place(environment, chosen), must_exist=is_chosen(environment, chosen))
    settings = merge(flags, environment, document)
    if settings.ca_cert is None or "ca_cert" in flags:
        return settings
    path = os.path.expanduser(settings.ca_cert)
    if settings.sources["ca_cert"] == document.path:
        path = os.path.join(directory, path)  # a relative path in the file starts where the file is
    if not os.path.isfile(path):
        where = settings.where("ca_cert")
        raise UsageError(
            "{}: wanted a file that is there, got {}", where, redact(repr(path)), remedy="check the path"
        )
    return replace(settings, ca_cert=path)


def is_chosen(environment: Mapping[str, str], chosen: Optional[str]) -> bool:
    """Whether the user named the file: then it must be there."""
    return bool(chosen or environment.get(VARIABLE))


def place(
    environment: Mapping[str, str], chosen: Optional[str], home: Callable[[Mapping[str, str]], str] = settings_home
) -> Optional[Path]:
    """`--config`, `DOCKFERRY_CONFIG`, or the system's custom; None where there is no home to look in."""
    named = chosen or environment.get(VARIABLE)
    if named:
        return Path(named)
    expanded = os.path.expanduser(home(environment))
    return None if expanded.startswith("~") else Path(expanded, "dockferry", "config.toml")


def read(path: Optional[Path], *, must_exist: bool) -> Tuple[Document, str]:
    """What stands in the file, nothing where there is none, and the directory it is in."""
    if path is None:
        return Document(), ""
    shown = shown_path(path)
    try:
        with open(path, "rb") as file:
            raw = file.read(_MAX_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        if must_exist:
            raise UsageError(
                "{}: wanted a configuration file, got none", shown, remedy=Message("check --config and {}", VARIABLE)
            ) from None
        return Document(shown), ""
    except OSError as error:
        raise DiskError.of("read", path, error, remedy=Message("check --config and {}", VARIABLE)) from None
    if len(raw) > _MAX_SIZE:
        raise UsageError("{}: wanted a configuration of at most {} bytes, got more", shown, _MAX_SIZE)
    try:
        text = raw.decode("utf-8-sig")  # some editors begin a file with a mark
    except UnicodeDecodeError as error:
        raise UsageError(
            "{}: wanted UTF-8, got something else at byte {}", shown, error.start, remedy="save it as UTF-8"
        ) from None
    return parse_document(text, shown), os.path.dirname(os.path.abspath(path))
