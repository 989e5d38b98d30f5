#!/usr/bin/env python3
"""The manual's command, `python docker_image_puller.py IMAGE [-r HOST] [-t N]`, on dockferry's engine.

Runs from a checkout without being installed; needs urllib3, on Windows filelock, and rich for the moving bar. As the
manual says, the layers stand unpacked beside the archive: NAME_layers/<12 digits>/layer.tar.
"""

import importlib.util
import os
import sys

LOG_FILE = "docker_puller.log"
NEEDED = ("urllib3", "filelock") if sys.platform == "win32" else ("urllib3",)
USAGE = f"""\
usage: python docker_image_puller.py IMAGE [-r HOST] [-t N]

  IMAGE                镜像名称 / image, such as infiniflow/ragflow:v0.17.0
  -r, --registry HOST  仓库地址 / fetch from this mirror, such as docker.1ms.run (default: Docker Hub)
  -t, --threads N      下载线程数 / connections, 1 to 20 (default: 5, and more while they help)

The layers are unpacked into NAME_layers, beside the archive; the log is {LOG_FILE}.
All options of `dockferry pull` work too: -o FILE, -a ARCH, --proxy URL and more.
"""


def with_layers(words: list) -> list:
    """The manual's tree of layers, but where a form is asked for that has none beside it."""
    named = [word.partition("=")[2] for word in words if word.startswith("--format=")]
    named += [after for word, after in zip(words, words[1:]) if word == "--format"]
    is_given = "--with-layers" in words
    return [] if is_given or (named and named[-1] not in ("docker", "oci")) else ["--with-layers"]


def main() -> int:
    """The exit code of `dockferry pull` with the same words."""
    if sys.version_info < (3, 8):  # noqa: UP036 - this file is run by whatever Python is there
        print(f"docker_image_puller: wanted Python 3.8 or later, got {sys.version.split()[0]}", file=sys.stderr)
        return 1
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        stream = sys.stdout if words else sys.stderr
        stream.reconfigure(errors="replace")  # not every console has Chinese
        print(USAGE, end="", file=stream)
        return 0 if words else 2
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "src")
    if os.path.isdir(source):  # the checkout that this file belongs to, whatever else is installed
        sys.path.insert(0, source)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"docker_image_puller: wanted {' and '.join(missing)}, got no such library; "
            'pip install "urllib3[socks]>=2,<3" filelock rich',
            file=sys.stderr,
        )
        return 1
    from dockferry.cli.main import main as dockferry

    return dockferry(["pull", "--log-file", LOG_FILE, *with_layers(words), *words])


if __name__ == "__main__":
    sys.exit(main())
