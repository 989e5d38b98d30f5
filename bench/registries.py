"""Registries: Debian's docker-registry, filled by a small pusher; our own, which can be slow; nginx.

Two slow ones: nginx's `limit_rate` paces each request and gives it a second's worth of bytes at once, so that a
client which asks more often gets more than its floor says. Our own paces each connection, without bursts.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Callable, Iterator, List, Optional
from urllib.parse import quote, urlsplit

from access_log import AccessLog
from authority import Authority
from door import Counter, Door, Tally
from image import BenchImage

from dockferry.oci.descriptor import OCI_MANIFEST
from dockferry.serve import ImageStore, file_blob, serve

_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"{tls}}}
"""
_TLS = ', tls: {{certificate: "{0.certificate}", key: "{0.key}"}}'
_NGINX = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr warn; {user}
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://{host}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
      limit_rate {rate};
    }}
  }}
}}
"""
_PATIENCE = 30.0


@contextmanager
def docker_registry(folder: Path, data: Path, authority: Optional[Authority] = None) -> Iterator[Optional[Door]]:
    """A docker-registry that stores in `data`, its settings and logs in `folder`; over TLS if there is an authority.

    None where there is no such program.
    """

    def settings(port: int) -> str:
        return _CONFIG.format(root=data, port=port, tls=_TLS.format(authority) if authority else "")

    with _program("docker-registry", folder, settings, lambda config: ["serve", config]) as host:
        tally = AccessLog(folder / "output").tally
        yield Door(host, authority.pem if authority else None, tally) if host else None


def push(host: str, image: BenchImage) -> None:
    """Each blob in one PUT, then the manifest (OCI distribution spec, "Pushing")."""
    with closing(http.client.HTTPConnection(host, timeout=300)) as connection:
        for descriptor, path in image.blobs:
            connection.request("POST", f"/v2/{image.repository}/blobs/uploads/", headers={"Content-Length": "0"})
            where = urlsplit(_location(connection))
            target = f"{where.path}?{where.query}&digest={quote(str(descriptor.digest))}"
            with open(path, "rb") as file:
                headers = {"Content-Length": str(descriptor.size), "Content-Type": "application/octet-stream"}
                connection.request("PUT", target, file, headers)
            _location(connection)
        target = f"/v2/{image.repository}/manifests/{image.tag}"
        connection.request("PUT", target, image.manifest, {"Content-Type": OCI_MANIFEST})
        _location(connection)


@contextmanager
def own_registry(image: BenchImage, rate: Optional[float] = None) -> Iterator[Door]:
    """Our own registry in this process, `rate` bytes a second for each connection."""
    counter = Counter()
    store = ImageStore()
    store.add_manifest(image.repository, image.manifest, OCI_MANIFEST, image.tag)
    for descriptor, path in image.blobs:
        store.add_blob(image.repository, descriptor.digest, file_blob(path, descriptor.size))
    with serve(store, rate=rate, on_request=counter) as running:
        yield Door(running.host, tally=lambda: Tally(counter.requests, running.sent))


@contextmanager
def nginx_capped(behind: Door, rate: float, folder: Path) -> Iterator[Optional[Door]]:
    """An nginx before `behind` that gives each request `rate` bytes a second; None without nginx."""

    def settings(port: int) -> str:
        return _NGINX.format(folder=folder, port=port, host=behind.host, rate=int(rate), user=_user())

    with _program(
        "nginx", folder, settings, lambda config: ["-p", str(folder), "-c", config, "-e", "stderr"]
    ) as host:
        yield Door(host, tally=behind.tally) if host else None


@contextmanager
def _program(
    name: str, folder: Path, settings: Callable[[int], str], words: Callable[[str], List[str]]
) -> Iterator[Optional[str]]:
    """`host:port` where the program `name` listens, with `settings` for its port in a file that `words` name."""
    program = shutil.which(name)
    if program is None:
        yield None
        return
    folder.mkdir()
    port = _free_port()
    config = folder / "config"
    config.write_text(settings(port))
    with open(folder / "output", "wb") as output, open(folder / "log", "wb") as log, subprocess.Popen(
        [program, *words(str(config))], stdout=output, stderr=log
    ) as server:
        try:
            _wait_listening(port, server)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


def _location(connection: http.client.HTTPConnection) -> str:
    reply = connection.getresponse()
    body = reply.read()
    if reply.status not in (201, 202):
        raise SystemExit(f"push: wanted 201 or 202, got {reply.status}: {body[:200]!r}")
    return reply.headers["Location"]


def _user() -> str:
    """As root nginx's worker would become somebody else, who may not enter our folder."""
    return "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_listening(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{server.args!r} does not listen on 127.0.0.1:{port}: see its log in --workdir")
