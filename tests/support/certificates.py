"""A certificate authority made on the spot, and TLS servers' contexts under it."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import Tuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization


def make_authority(folder: Path, *names: str) -> Tuple[ssl.SSLContext, str]:
    """A server's context for `names`, and the PEM file of the authority that signed it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, str(path)


def dated(authority: trustme.CA, host: str, begins: int, ends: int, directory: Path) -> ssl.SSLContext:
    """A server's context: a certificate of `authority` for `host`, valid from `begins` to `ends` days from now."""
    leaf = authority.issue_cert(host)
    made = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(made.subject)
        .issuer_name(made.issuer)
        .public_key(made.public_key())
        .serial_number(made.serial_number)
        .not_valid_before(now + datetime.timedelta(days=begins))
        .not_valid_after(now + datetime.timedelta(days=ends))
    )
    for extension in made.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    signed = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]  # an authority's key can sign
    path = directory / "dated.pem"
    path.write_bytes(leaf.private_key_pem.bytes() + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
