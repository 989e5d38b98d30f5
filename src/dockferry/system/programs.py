"""Programs: where one is found that is called by its name."""

from __future__ import annotations

import os
from typing import Mapping, Optional, Sequence

from .kind import WINDOWS

_ENDINGS = (".exe", ".cmd", ".bat") if WINDOWS else ("",)


def maybe_program(name: str, environ: Mapping[str, str], endings: Sequence[str] = _ENDINGS) -> Optional[str]:
    """With one of `endings`, in the absolute directories of PATH only: never what lies in the current directory."""
    for directory in environ.get("PATH", "").split(os.pathsep):
        for ending in endings:
            path = os.path.join(directory, name + ending)
            if os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None
