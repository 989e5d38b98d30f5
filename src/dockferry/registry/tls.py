"""TLS contexts: made once, since loading the system's authorities takes as long as a round trip."""

from __future__ import annotations

import functools
import os
import ssl
from typing import Optional, Tuple

from .. import itself
from ..errors import UsageError
from ..message import Message
from ..system.authorities import BUNDLES, maybe_system_bundle
from ..text import clean, shown_path


@functools.lru_cache(maxsize=None)
def trusting_context(ca_cert: Optional[str]) -> ssl.SSLContext:
    """Trusts the system's authorities and those in the PEM file `ca_cert`. Raises UsageError if it holds none."""
    packed = _packed()
    context = _modern(ssl.create_default_context())
    bundle = maybe_system_bundle(ssl.get_default_verify_paths(), os.environ, (*BUNDLES, *packed))
    if bundle is not None:
        context.load_verify_locations(cafile=bundle)
    if ca_cert is not None:
        # A private authority is seldom made to RFC 5280's letter, which Python 3.13 insists on and engines do not.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            context.load_verify_locations(cafile=ca_cert)
        except ssl.SSLError:
            raise _no_certificates(ca_cert, Message("other content")) from None
        except OSError as error:
            raise _no_certificates(ca_cert, Message(clean(error.strerror or type(error).__name__))) from None
    return context


@functools.lru_cache(maxsize=None)
def _packed() -> Tuple[str, ...]:
    """What an executable brings with it: for a system that has no authorities of its own."""
    found = itself.take_packed(os.environ, ssl.get_default_verify_paths().openssl_cafile_env)
    return (found,) if found else ()


@functools.lru_cache(maxsize=None)
def unchecked_context() -> ssl.SSLContext:
    """Trusts whoever answers: for `--insecure`, which the user has to ask for."""
    context = _modern(ssl.create_default_context())
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _no_certificates(path: str, got: str) -> UsageError:
    return UsageError(
        "--ca-cert {}: wanted a PEM file with certificates, got: {}",
        shown_path(path),
        got,
        remedy="check the path; a DER file becomes PEM by openssl x509 -inform der",
    )


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    """Python 3.8 and 3.9 would still speak TLS 1.0."""
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    return context
