"""What goes into the program, whichever tool packs it: one list for all. Run by itself it tells the version."""

from __future__ import annotations

import re
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import List, Tuple

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "packaging"
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "dockferry"
LAUNCHER = HERE / "launcher.py"
NAME = "dockferry"
DESCRIPTION = "Container images over bad networks, without a Docker engine"
LICENCE = "Apache-2.0"

SCRIPT = "docker_image_puller"
"""The manual's command, which is a module of the packed program."""

LIBRARIES = ("urllib3", "socks", "rich", "shtab")
"""What every program has. Imported on use, some by a name made at run time, so that no tool finds all of it."""

ENCODINGS = ("_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr", "_codecs_tw")
"""What a console may use, as far as it is compiled: nobody imports it by name."""

STANDARD = (*ENCODINGS, *(("compression.zstd",) if sys.version_info >= (3, 14) else ()))
"""The standard library's modules that no tool finds."""

IF_INSTALLED = ("filelock", "tomli", "isal", "zlib_ng", "zstandard")
"""What is packed where the building environment has it: wanted on some systems, or by some versions of Python."""

UNWANTED = ("doctest", "lib2to3", "pip", "pydoc", "readline", "setuptools", "tkinter", "unittest", "zstandard._cffi")
"""What the libraries mention and the program never imports."""

NEVER_SHOWN = ("markdown_it", "mdurl", "pygments")
"""rich's for Markdown and source text: of a frozen program they would be a third."""


def version() -> str:
    """As src/dockferry/_version.py has it, without importing the package."""
    found = re.search(r'^__version__ = "(.+)"$', (PACKAGE / "_version.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def catalogs() -> List[Tuple[Path, str]]:
    """Each compiled catalog, and its directory in the program: `dockferry/locale/LANGUAGE/LC_MESSAGES`."""
    return [(path, path.parent.relative_to(SOURCE).as_posix()) for path in sorted(PACKAGE.glob("locale/*/*/*.mo"))]


def own_modules() -> List[str]:
    """The dotted names of all modules of ours, the manual's command among them."""
    return [SCRIPT, *_modules_in(PACKAGE)]


def modules_of(library: str) -> List[str]:
    """The dotted names of all modules of a library that is installed, compiled ones too."""
    spec = find_spec(library)
    assert spec is not None, f"{library} is not installed"
    return _modules_in(Path(spec.submodule_search_locations[0])) if spec.submodule_search_locations else [library]


def _modules_in(package: Path) -> List[str]:
    files = (path for path in package.rglob("*") if path.suffix in (".py", ".so", ".pyd"))
    places = (path.relative_to(package.parent).with_name(path.name.partition(".")[0]).parts for path in files)
    return sorted(".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in places)


def libraries() -> List[str]:
    """The packages of others to pack whole, as far as this environment has those that are optional.

    setuptools, which cx_Freeze loads, has copies of some for itself: those do not count.
    """
    places = [Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")]
    return [*LIBRARIES, *(name for name in IF_INSTALLED if any((place / name).is_dir() for place in places))]


if __name__ == "__main__":
    print(version())
