"""The settings: each with its kind, its bounds and its default. One word has three spellings.

`retry_base` is a key of the file, `--retry-base` a flag, `DOCKFERRY_RETRY_BASE` a variable.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Tuple

from ..choices import LANGUAGES, MAX_THREADS, PROGRESS

WHOLE, SECONDS, SIZE, WORD, PROXY, FILE = "whole", "seconds", "size", "word", "proxy", "file"


class Setting(NamedTuple):
    """`low` and `high` bound a number, both included; `words` are all that a WORD may be. None: dockferry chooses.

    A SIZE is in bytes.
    """

    name: str
    kind: str
    default: Any
    low: float = 0
    high: float = 0
    words: Tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return "DOCKFERRY_" + self.name.upper()


SETTINGS = (
    Setting("threads", WHOLE, None, 1, MAX_THREADS),
    Setting("retries", WHOLE, 20, 1, 10_000),
    Setting("retry_base", SECONDS, 5.0, 0.1, 3600),
    Setting("retry_max", SECONDS, 600.0, 0.1, 86_400),
    Setting("connect_timeout", SECONDS, 10.0, 0.1, 600),
    Setting("first_byte_timeout", SECONDS, 120.0, 0.1, 7200),
    Setting("idle_timeout", SECONDS, 30.0, 0.1, 7200),
    Setting("piece_size", SIZE, None, 65_536, 1 << 30),
    Setting("share_from", SIZE, None, 0, 10**12),
    Setting("proxy", PROXY, None),
    Setting("ca_cert", FILE, None),
    Setting("progress", WORD, "auto", words=PROGRESS),
    Setting("lang", WORD, "auto", words=LANGUAGES),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}

MANUAL_NAMES: Dict[str, Tuple[str, ...]] = {
    "read_timeout": ("idle_timeout", "first_byte_timeout"),
    "max_retries": ("retries",),
    "retry_backoff_base": ("retry_base",),
    "init_chunk_size": ("piece_size",),
    "large_file_threshold": ("share_from",),
}
"""What the manual calls them, in small letters, where that is another word."""
