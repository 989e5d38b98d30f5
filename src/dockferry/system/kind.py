"""Kind: which kind of system this is. No other module asks; what has two ways takes the one that this says."""

from __future__ import annotations

import sys

WINDOWS = sys.platform == "win32"
MACOS = sys.platform == "darwin"
LINUX = sys.platform == "linux"
