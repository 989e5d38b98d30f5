#!/usr/bin/env python3
# -*- coding: utf-8 -*-  # noqa: UP009 - any Python has to read this file, to say which one is wanted
"""The manual's command, `python docker_image_puller.py IMAGE [-r HOST] [-t N]`, on dockferry's engine.

Runs from a checkout without being installed; needs urllib3, on Windows filelock, and rich for the moving bar. As the
manual says, the layers stand unpacked beside the archive: NAME_layers/<12 digits>/layer.tar.
"""

import os
import sys

NEEDED = ("urllib3", "filelock") if sys.platform == "win32" else ("urllib3",)
INSTALL = 'pip install "urllib3[socks]>=2,<3" filelock rich zstandard'


def main():
    """The exit code of `dockferry pull` with the same words."""
    if sys.version_info < (3, 8):  # noqa: UP036 - whatever Python is there
        got = sys.version.split()[0]
        return refuse("wanted Python 3.8 or later, got " + got, "需要 Python 3.8 或更高版本, 当前是 " + got)
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "src")
    if os.path.isdir(source):  # the checkout that this file belongs to, whatever else is installed
        sys.path.insert(0, source)
    import importlib.util

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        return refuse(
            "wanted " + names + ", got no such library; " + INSTALL, "缺少 " + names + ", 请执行: " + INSTALL
        )
    import urllib3

    if int(urllib3.__version__.split(".")[0]) < 2:  # Debian 12 has such a one, and the older script asked for one
        old = urllib3.__version__
        return refuse(
            "wanted urllib3 2 or later, got " + old + "; " + INSTALL,
            "需要 urllib3 2 或更高版本, 当前是 " + old + ", 请执行: " + INSTALL,
        )
    from dockferry.cli.puller import run

    return run(sys.argv[1:])


def refuse(english, chinese):
    """One line in both languages, or in English where the console has no Chinese; the exit code."""
    text = "docker_image_puller: " + english
    try:
        chinese.encode(getattr(sys.stderr, "encoding", None) or "ascii")
        text += " / " + chinese
    except UnicodeError:
        pass
    sys.stderr.write(text + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
