"""cx_Freeze's recipe: a directory with the program and all it needs. `python packaging/build.py cxfreeze` runs it."""

from __future__ import annotations

import sys

import contents
from cx_Freeze import Executable, setup

sys.path[:0] = [str(contents.SOURCE), str(contents.ROOT)]

setup(
    name=contents.NAME,
    version=contents.version(),
    description=contents.DESCRIPTION,
    license=contents.LICENCE,
    py_modules=[],  # setuptools would look for some
    executables=[
        Executable(
            str(contents.LAUNCHER),
            target_name=contents.NAME,
            base=None,  # of the console
            icon=str(contents.HERE / "icon"),  # cx_Freeze knows which ending the system wants
            copyright=contents.LICENCE,
        )
    ],
    options={
        "build_exe": {
            "packages": [contents.NAME, "encodings", *contents.libraries()],
            "includes": [contents.SCRIPT, *contents.STANDARD],
            "excludes": [*contents.UNWANTED, *contents.NEVER_SHOWN],
            "include_files": [(str(path), f"lib/{directory}/{path.name}") for path, directory in contents.catalogs()],
            "silent_level": 2,
        }
    },
)
