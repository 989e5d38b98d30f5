"""Signals: those by which a program is asked to end."""

from __future__ import annotations

import signal
from typing import Tuple

from .kind import WINDOWS

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK") if WINDOWS else ("SIGINT", "SIGTERM", "SIGHUP")
ENDING: Tuple[signal.Signals, ...] = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
