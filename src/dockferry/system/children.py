"""Children: how one is interrupted alone, and how it ends by that."""

from __future__ import annotations

import signal
import subprocess

from .kind import WINDOWS

BREAK: int = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT)
"""The signal: on Windows Ctrl-C itself cannot be sent to one group alone."""
GROUP_FLAGS: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
"""A child's `creationflags`, so that it gets `BREAK` and its parent does not."""
INTERRUPTED = (130, 0xC000013A) if WINDOWS else (130,)
"""Its exit codes: on Windows the system may end it itself."""
