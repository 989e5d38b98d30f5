"""The command line under Windows' rules, as far as Linux can keep them; this file is run as a program.

The package is told that it is on Windows, the calls and modules that Windows lacks are gone, and the file system is
as strict: a file that is open is not renamed, replaced or removed, a directory is not opened, and a name is one that
Windows takes. Own calls of Windows (`dockferry.system.windows_calls`) are not there, as on file systems without them.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from typing import Any, Tuple

_CALLS = (
    *("pread", "preadv", "pwrite", "pwritev", "fdatasync", "sendfile", "posix_fallocate", "posix_fadvise"),
    *("O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY", "ST_RDONLY", "fstatvfs", "sched_getaffinity"),
    *("fork", "forkpty", "setsid", "killpg", "getuid", "geteuid", "getgid", "getegid", "chown", "fchown", "lchown"),
    *("mkfifo", "mknod", "getloadavg", "nice"),
)
_SIGNALS = ("SIGHUP", "SIGALRM", "SIGPIPE", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGWINCH")
_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")
_NO_NAME = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)', re.IGNORECASE)
_SHARING_VIOLATION = 32


def become_windows() -> None:
    """For the rest of this process; to be called before more of dockferry is imported."""
    import filelock  # it has a way of its own for each system

    from dockferry.system import kind

    assert filelock
    late = [name for name in sys.modules if name.startswith("dockferry.") and name not in _FIRST]
    assert not late, f"these have looked already: {late}"
    kind.WINDOWS, kind.LINUX, kind.MACOS = True, False, False
    from dockferry.system import paths

    paths.SHORT = 4096  # Linux' own paths are what is used here, and it knows no mark
    for name in _CALLS:
        if hasattr(os, name):
            delattr(os, name)
    for name in _SIGNALS:
        delattr(signal, name)
    for name in _MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    sys.addaudithook(_keep_rules)


_FIRST = ("dockferry._version", "dockferry.system", "dockferry.system.kind")


def _keep_rules(event: str, args: Tuple[Any, ...]) -> None:
    if event in ("os.rename", "os.remove"):
        for path in args[:2] if event == "os.rename" else args[:1]:
            if _is_open(path):
                raise _refused(path, "another program is using this file")
    if event == "open" and isinstance(args[0], (str, os.PathLike)) and os.path.isdir(args[0]):
        raise _refused(args[0], "Access is denied")
    made = args[1:2] if event in ("os.rename", "os.link") else args[:1] if _makes(event, args) else ()
    for path in made:
        name = os.path.basename(os.fspath(path))
        if _NO_NAME.search(name):
            raise OSError(errno.EINVAL, "The filename, directory name, or volume label syntax is incorrect", name)


def _makes(event: str, args: Tuple[Any, ...]) -> bool:
    return event == "os.mkdir" or (
        event == "open" and isinstance(args[0], (str, os.PathLike)) and bool(args[2] & os.O_CREAT)
    )


def _refused(path: Any, said: str) -> PermissionError:
    error = PermissionError(errno.EACCES, said, str(path))
    error.winerror = _SHARING_VIOLATION  # type: ignore[attr-defined]
    return error


def _is_open(path: Any) -> bool:
    try:
        wanted = os.lstat(path)
    except FileNotFoundError:
        return False
    for fd in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(fd))
        except OSError:  # the one of the list itself
            continue
        if os.path.samestat(found, wanted):
            return True
    return False


if __name__ == "__main__":
    become_windows()
    from dockferry.cli.main import main

    sys.exit(main())
