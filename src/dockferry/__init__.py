"""dockferry: container images over bad networks, without a Docker engine, into one verified archive.

    from dockferry import pull

    result = pull("nginx:1.27", mirrors=["docker.1ms.run"])
    print(result.path, result.digest)

Every name in `__all__` is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Dict, List

from ._version import __version__

if TYPE_CHECKING:
    from .errors import (
        AuthError,
        BodyError,
        BusyError,
        CertificateError,
        ConnectError,
        ContentError,
        DiskError,
        DockferryError,
        Interrupted,
        NetworkError,
        NotFoundError,
        RedirectError,
        ReplyError,
        UsageError,
    )
    from .events import BlobDone, BlobProgress, Event, Finished, Progress, Resolved, Resumed, Retry, Warned
    from .inspection import ImageSummary, inspect_archive, inspect_image
    from .oci.digest import Digest
    from .oci.platform import Platform
    from .oci.reference import Reference
    from .pull import PullResult, pull
    from .registry.access import Access
    from .tags import tags
    from .verify import VerifyReport, verify

__all__ = [
    "Access",
    "AuthError",
    "BlobDone",
    "BlobProgress",
    "BodyError",
    "BusyError",
    "CertificateError",
    "ConnectError",
    "ContentError",
    "Digest",
    "DiskError",
    "DockferryError",
    "Event",
    "Finished",
    "ImageSummary",
    "Interrupted",
    "NetworkError",
    "NotFoundError",
    "Platform",
    "Progress",
    "PullResult",
    "RedirectError",
    "Reference",
    "ReplyError",
    "Resolved",
    "Resumed",
    "Retry",
    "UsageError",
    "VerifyReport",
    "Warned",
    "__version__",
    "inspect_archive",
    "inspect_image",
    "pull",
    "tags",
    "verify",
]

_ERRORS = (
    "AuthError BodyError BusyError CertificateError ConnectError ContentError DiskError DockferryError Interrupted "
    "NetworkError NotFoundError RedirectError ReplyError UsageError"
)
_EVENTS = "BlobDone BlobProgress Event Finished Progress Resolved Resumed Retry Warned"
_HOMES: Dict[str, str] = {
    **dict.fromkeys(_ERRORS.split(), "errors"),
    **dict.fromkeys(_EVENTS.split(), "events"),
    **dict.fromkeys(("ImageSummary", "inspect_archive", "inspect_image"), "inspection"),
    **dict.fromkeys(("PullResult", "pull"), "pull"),
    **dict.fromkeys(("VerifyReport", "verify"), "verify"),
    "Access": "registry.access",
    "Digest": "oci.digest",
    "Platform": "oci.platform",
    "Reference": "oci.reference",
    "tags": "tags",
}


class _Package(ModuleType):
    """Keeps `dockferry.pull` the function when the module of that name is imported.

    The import system sets a submodule as its package's attribute; for `pull`, `verify` and `tags` that
    would hide the public function of the same name.
    """

    def __getattr__(self, name: str) -> Any:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{self.__name__}.{home}"), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _HOMES):
            super().__setattr__(name, value)

    def __dir__(self) -> List[str]:
        return sorted({*self.__dict__, *__all__})


sys.modules[__name__].__class__ = _Package
