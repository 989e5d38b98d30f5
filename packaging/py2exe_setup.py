"""py2exe's recipe, for Windows alone: `python packaging/build.py py2exe` runs it there.

py2exe takes no data into its library: the catalogs stand beside the program, where dockferry.itself looks for them.
"""

from __future__ import annotations

import sys

import contents
import windows_version
from py2exe import freeze

sys.path[:0] = [str(contents.SOURCE), str(contents.ROOT)]

freeze(
    console=[
        {
            "script": str(contents.LAUNCHER),
            "dest_base": contents.NAME,
            "icon_resources": [(1, str(contents.HERE / "icon.ico"))],
        }
    ],
    data_files=[(directory, [str(path)]) for path, directory in contents.catalogs()],
    zipfile="library.zip",
    options={
        "dist_dir": sys.argv[1],
        "bundle_files": 3,  # fewer files would need Python 3.11 or older
        "compressed": True,
        "includes": [  # module by module: py2exe's packages are without the packages in them
            *contents.own_modules(),
            *contents.STANDARD,
            *(name for library in (*contents.libraries(), "encodings") for name in contents.modules_of(library)),
        ],
        "excludes": [*contents.UNWANTED, *contents.NEVER_SHOWN],
    },
    version_info={
        "version": ".".join(map(str, windows_version.numbers(contents.version()))),
        "product_name": contents.NAME,
        "product_version": contents.version(),
        "description": contents.DESCRIPTION,
        "copyright": contents.LICENCE,
    },
)
