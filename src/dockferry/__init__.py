"""dockferry: container images over bad networks, without a Docker engine, into one verified archive.

    from dockferry import pull

    result = pull("nginx:1.27", mirrors=["docker.1ms.run"])
    print(result.path, result.digest)

Every name in `__all__` is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
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
        RequestError,
        UsageError,
    )
    from .events import (
        BlobDone,
        BlobProgress,
        Event,
        Finished,
        Progress,
        Resolved,
        Resumed,
        Retry,
        SourceReport,
        Unpacking,
        Warned,
    )
    from .oci.digest import Digest
    from .oci.platform import Platform
    from .oci.reference import Reference
    from .registry.access import Access
    from .transfer.retry import RetryPolicy
    from .transfer.sharing import Sharing
    from .usecases.inspection import ImageSummary, LayerSummary, inspect_archive, inspect_image
    from .usecases.pull import PullResult, pull
    from .usecases.tags import tags
    from .usecases.verify import VerifyReport, verify

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
    "LayerSummary",
    "NetworkError",
    "NotFoundError",
    "Platform",
    "Progress",
    "PullResult",
    "RedirectError",
    "Reference",
    "ReplyError",
    "RequestError",
    "Resolved",
    "Resumed",
    "Retry",
    "RetryPolicy",
    "Sharing",
    "SourceReport",
    "Unpacking",
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
    "NetworkError NotFoundError RedirectError ReplyError RequestError UsageError"
)
_EVENTS = "BlobDone BlobProgress Event Finished Progress Resolved Resumed Retry SourceReport Unpacking Warned"
_HOMES: Dict[str, str] = {
    **dict.fromkeys(_ERRORS.split(), "errors"),
    **dict.fromkeys(_EVENTS.split(), "events"),
    **dict.fromkeys(("ImageSummary", "LayerSummary", "inspect_archive", "inspect_image"), "usecases.inspection"),
    **dict.fromkeys(("PullResult", "pull"), "usecases.pull"),
    **dict.fromkeys(("VerifyReport", "verify"), "usecases.verify"),
    "Access": "registry.access",
    "Digest": "oci.digest",
    "Platform": "oci.platform",
    "Reference": "oci.reference",
    "RetryPolicy": "transfer.retry",
    "Sharing": "transfer.sharing",
    "tags": "usecases.tags",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})
