"""TLS of a frozen program: it trusts the authorities of the system that it runs on, wherever that has them."""

from __future__ import annotations

import subprocess
from typing import List

import pytest
from support.programs import BUILD_SECONDS, FROZEN, Program
from support.registries import Registry
from support.require import require_namespaces
from support.runnable import MadeImage

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(BUILD_SECONDS),
    pytest.mark.parametrize("program", FROZEN, indirect=True),
]

DEBIAN = "/etc/ssl/certs/ca-certificates.crt"
REDHAT = "/etc/pki/tls/certs/ca-bundle.crt"
# On RedHat OpenSSL's usual directory is a link to one with bundles in it, which OpenSSL itself does not read.
_LINK = "mkdir -p /etc/ssl; for each in /etc/ssl /usr/lib/ssl; do ln -s /etc/pki/tls/certs $each/certs; done"


def pull(registry: Registry, image: MadeImage) -> List[str]:
    """With TLS, which is not asked of this machine itself unless it is named."""
    name = registry.push("team/app", "1", image)
    return ["pull", name, "-r", f"https://{registry.host}", "-o", "app.tar", "--retries", "1"]


def test_the_users_own_bundle(program: Program, registry_tls: Registry, runnable: MadeImage) -> None:
    """SSL_CERT_FILE, as for any program that OpenSSL is in; without it an unknown authority is refused."""
    words = pull(registry_tls, runnable)
    refused = program(*words, **program.home)
    assert (refused.returncode, b"--ca-cert" in refused.stderr) == (5, True), refused.stderr
    trusted = program(*words, SSL_CERT_FILE=str(registry_tls.ca_file), **program.home)
    assert trusted.returncode == 0, trusted.stderr


@pytest.mark.parametrize(("bundle", "more"), [(DEBIAN, "true"), (REDHAT, "true"), (REDHAT, _LINK)])
def test_the_systems_bundle(
    program: Program, registry_tls: Registry, runnable: MadeImage, bundle: str, more: str
) -> None:
    """On a system that has nothing where the frozen OpenSSL looks, and a bundle where Debian or RedHat keep it."""
    require_namespaces()
    folder = bundle.rpartition("/")[0]
    script = f"""
        set -e
        mount -t tmpfs none /etc
        [ ! -d /usr/lib/ssl ] || mount -t tmpfs none /usr/lib/ssl
        mkdir -p {folder}
        cp "$0" {bundle}
        {more}
        exec "$@"
    """
    words = [*program.words, *pull(registry_tls, runnable)]
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, str(registry_tls.ca_file), *words],
        cwd=program.directory,
        env={**program.home, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
