"""A certificate authority made on the spot, and TLS servers' contexts under it."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Tuple

import trustme


def make_authority(folder: Path, *names: str) -> Tuple[ssl.SSLContext, str]:
    """A server's context for `names`, and the PEM file of the authority that signed it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, str(path)
