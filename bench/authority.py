"""Authority: a certificate authority for one run of the benchmark, and a server's certificate under it, in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Authority:
    """PEM files: who signs, and the certificate and key of a server on 127.0.0.1."""

    pem: Path
    certificate: Path
    key: Path


def make_authority(folder: Path) -> Authority:
    """A new one, in a `folder` that this makes."""
    folder.mkdir()
    made = Authority(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(made.pem))
    issued.private_key_pem.write_to_path(str(made.key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(made.certificate), append=True)
    return made
