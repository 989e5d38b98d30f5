"""Settings' home: the directory in which a user's settings stand, by each system's custom. Pure."""

from __future__ import annotations

from typing import Mapping

from .kind import MACOS, WINDOWS


def settings_home(environment: Mapping[str, str]) -> str:
    """A path, which may begin with `~`."""
    return (on_windows if WINDOWS else on_macos if MACOS else on_unix)(environment)


def on_unix(environment: Mapping[str, str]) -> str:
    """As the XDG base directory specification has it: a relative path there counts as none."""
    home = environment.get("XDG_CONFIG_HOME", "")
    return home if home.startswith("/") else "~/.config"


def on_macos(environment: Mapping[str, str]) -> str:
    return "~/Library/Application Support"


def on_windows(environment: Mapping[str, str]) -> str:
    return environment.get("APPDATA") or "~/AppData/Roaming"
