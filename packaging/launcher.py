"""The program in one file: `dockferry`, or the manual's command where its name begins with docker_image_puller.

One file serves both names, as they are one program: it is downloaded once, and whoever wants the manual's command
renames it or makes a link. No annotations and no new syntax: a zip is run by whatever Python is there, and an old one
has to get as far as the refusal.
"""

import os
import signal
import sys

MANUALS_NAME = "docker_image_puller"


def main():
    if sys.version_info < (3, 8):  # noqa: UP036 - see above
        sys.stderr.write("dockferry: wanted Python 3.8 or later, got %s\n" % sys.version.split()[0])  # noqa: UP031
        return 1
    if getattr(sys, "frozen", False):
        start_as_python_does()
    if os.path.basename(sys.argv[0]).lower().startswith(MANUALS_NAME):
        import docker_image_puller

        return docker_image_puller.main()
    from dockferry.cli.main import run

    return run()


def start_as_python_does():
    """What is left out where Python is started by another program than its own."""
    for name in ("SIGPIPE", "SIGXFSZ"):  # a peer that hangs up, a file that is too large: errors, and not our end
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    heed_encoding(os.environ.get("PYTHONIOENCODING", "").partition(":")[0])


def heed_encoding(name):
    """Who reads our output may count on it."""
    for stream in filter(None, (sys.stdin, sys.stdout, sys.stderr)):
        try:
            stream.reconfigure(encoding=name or None, errors=stream.errors)
        except LookupError:
            return


if __name__ == "__main__":
    sys.exit(main())
