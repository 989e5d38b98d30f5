"""Rename: a file gets its final name in one instant, and takes none that is in use."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from .kind import WINDOWS
from .undisturbed import undisturbed

_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL)


def rename_new(part: Path, final: Path) -> None:
    """Raises FileExistsError rather than take a name that is in use: a link never does, a rename on POSIX would."""
    try:
        os.link(part, final)
    except FileExistsError:
        raise
    except OSError as error:
        if not WINDOWS and error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(final):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        undisturbed(lambda: os.rename(part, final))
    else:
        undisturbed(lambda: os.unlink(part))
