"""Authorities: the system's own file of certificates, for a Python that does not find it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Mapping, Optional, Sequence

from .kind import WINDOWS

if TYPE_CHECKING:
    import ssl

_BUNDLES = (
    "/etc/ssl/cert.pem",  # macOS, Alpine
    "/etc/ssl/certs/ca-certificates.crt",  # Debian
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
)


def maybe_system_bundle(
    own: ssl.DefaultVerifyPaths, environ: Mapping[str, str], bundles: Sequence[str] = _BUNDLES
) -> Optional[str]:
    """The system's own file of authorities, for a Python whose `own` paths lead to none.

    As python.org's on macOS, and builds that are made to be moved. Windows' authorities are in no file.
    """
    is_chosen = own.openssl_cafile_env in environ or own.openssl_capath_env in environ
    if WINDOWS or is_chosen or own.cafile or (own.capath and os.listdir(own.capath)):
        return None
    return next((path for path in bundles if os.path.isfile(path)), None)
