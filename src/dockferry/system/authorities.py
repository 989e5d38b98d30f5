"""Authorities: the system's own file of certificates, for a Python that does not find it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Mapping, Optional, Sequence

from .kind import WINDOWS

if TYPE_CHECKING:
    import ssl

BUNDLES = (
    "/etc/ssl/cert.pem",  # macOS, Alpine
    "/etc/ssl/certs/ca-certificates.crt",  # Debian
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RedHat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # the same, where the old name is gone
    "/etc/ssl/ca-bundle.pem",  # SUSE
)
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The names that OpenSSL looks for in a directory of authorities; it reads no other file there."""


def maybe_system_bundle(
    own: ssl.DefaultVerifyPaths, environ: Mapping[str, str], bundles: Sequence[str] = BUNDLES
) -> Optional[str]:
    """The system's own file of authorities, for a Python whose `own` paths lead to none.

    As python.org's on macOS, and what was frozen or built on another system. Windows' authorities are in no file.
    """
    is_chosen = own.openssl_cafile_env in environ or own.openssl_capath_env in environ
    if WINDOWS or is_chosen or own.cafile or _is_of_use(own.capath):
        return None
    return next((path for path in bundles if os.path.isfile(path)), None)


def _is_of_use(capath: Optional[str]) -> bool:
    """RedHat's directory has bundles in it and nothing that OpenSSL would read."""
    return capath is not None and any(map(_HASHED.fullmatch, os.listdir(capath)))
