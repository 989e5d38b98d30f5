"""Itself: this program's own data, how it is started once more, and what it leaves out of others' environment.

Installed, frozen into an executable, or zipped: where its files are then is known to whoever loaded the package.
"""

from __future__ import annotations

import os
import sys
from typing import Dict, List, Mapping, MutableMapping, Optional

_PACKAGE = __name__.partition(".")[0]
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "LIBPATH")
"""What PyInstaller's loader sets to its own directory; the user's value, if there was one, stands under NAME_ORIG."""

_LOADERS = "_PYI_"
"""What its loader tells children, which would take them for parts of us."""


def data(name: str) -> bytes:
    """The package's file `name`, its parts divided by slashes. Raises OSError where it is not there.

    From its directory, from within a zip, or from sys._MEIPASS, where PyInstaller has unpacked it.
    """
    import pkgutil

    try:
        found = pkgutil.get_data(_PACKAGE, name)
    except OSError:
        if not is_frozen():
            raise
        found = None
    return _beside(name) if found is None else found


def command() -> List[str]:
    """The words that start this program once more; arguments follow them."""
    if is_frozen():
        return [sys.executable]
    archive = getattr(sys.modules[_PACKAGE].__loader__, "archive", None)
    return [sys.executable, archive] if archive else [sys.executable, "-m", _PACKAGE]


def outside(environ: Mapping[str, str]) -> Dict[str, str]:
    """`environ` for a program of others: it might not get along with the libraries that were frozen into us."""
    found = {name: value for name, value in environ.items() if not name.startswith(_LOADERS)}
    if hasattr(sys, "_MEIPASS"):
        for name in _LIBRARY_PATHS:
            found.pop(name, None)
            if f"{name}_ORIG" in found:
                found[name] = found.pop(f"{name}_ORIG")
    return found


def take_packed(environ: MutableMapping[str, str], name: str) -> Optional[str]:
    """The file of our own that the variable `name` stands for, and no longer does; None where the user has set it.

    cx_Freeze has SSL_CERT_FILE name a list of authorities that is as old as the program.
    """
    found = environ.get(name, "")
    if not is_frozen() or not found.startswith(os.path.join(sys.prefix, "")):
        return None
    del environ[name]
    return found


def _beside(name: str) -> bytes:
    """py2exe takes modules alone into its library, and puts other files beside the program."""
    with open(os.path.join(os.path.dirname(sys.executable), _PACKAGE, *name.split("/")), "rb") as file:
        return file.read()


def is_frozen() -> bool:
    """Whether this is an executable that was made of us."""
    return bool(getattr(sys, "frozen", False))
