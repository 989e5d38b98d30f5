"""Debian's docker-registry on loopback: plain, with passwords, with tokens, with TLS, and behind a slow nginx."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, Mapping, Optional, Union

import trustme

from .images import MadeImage, MadeIndex
from .process import Daemon, daemon, free_port, run, workspace
from .push import push
from .require import require
from .token_server import TokenServer

USER, PASSWORD = "skipper", "p:ss wörd"
"""Of the registries with passwords and tokens; the colon, the blank and the umlaut are meant."""
_LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


def _no_headers(repository: str) -> Dict[str, str]:
    return {}


@dataclass(frozen=True)
class Registry:
    """A running registry at `host` (`127.0.0.1:port`), its files below `storage`.

    `headers` gives, by repository, what lets us push; `ca_file` is the authority (PEM) of one with TLS; `tokens` the
    token server of one with tokens.
    """

    host: str
    storage: Path
    headers: Callable[[str], Dict[str, str]] = _no_headers
    ca_file: Optional[Path] = None
    tokens: Optional[TokenServer] = None

    def push(self, repository: str, tag: str, made: Union[MadeImage, MadeIndex]) -> str:
        """Stores `made` and gives its reference, `host/repository:tag`."""
        connection = self._connection()
        with contextlib.closing(connection):
            push(connection, self.headers(repository), repository, tag, made)
        return f"{self.host}/{repository}:{tag}"

    def _connection(self) -> http.client.HTTPConnection:
        if self.ca_file is None:
            return http.client.HTTPConnection(self.host, timeout=30)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return http.client.HTTPSConnection(self.host, timeout=30, context=context)


@contextlib.contextmanager
def plain_registry() -> Iterator[Registry]:
    """Open to all, over HTTP."""
    with workspace("registry") as directory, _serving(directory) as host:
        yield Registry(host, directory / "data")


@contextlib.contextmanager
def htpasswd_registry() -> Iterator[Registry]:
    """Nothing without USER and PASSWORD (Basic)."""
    with workspace("htpasswd") as directory:
        users = directory / "htpasswd"
        users.write_text(run(require("htpasswd"), "-Bin", USER, stdin=PASSWORD), encoding="utf-8")
        auth = {"htpasswd": {"realm": 'the "quay"', "path": str(users)}}
        with _serving(directory, auth=auth) as host:
            yield Registry(host, directory / "data", lambda repository: {"Authorization": basic(USER, PASSWORD)})


@contextlib.contextmanager
def token_registry(lifetime: int = 300) -> Iterator[Registry]:
    """Bearer tokens that live `lifetime` seconds: anyone pulls below `public/`, USER everything."""
    with workspace("token") as directory, TokenServer({USER: PASSWORD}, lifetime) as tokens:
        bundle = directory / "issuer.pem"
        bundle.write_bytes(tokens.certificate)
        auth = {"token": {**tokens.registry_settings, "rootcertbundle": str(bundle)}}
        with _serving(directory, auth=auth) as host:
            yield Registry(host, directory / "data", tokens.push_headers, tokens=tokens)


@contextlib.contextmanager
def tls_registry() -> Iterator[Registry]:
    """Open to all, over HTTPS, with a certificate for 127.0.0.1 and localhost from an authority of its own."""
    with workspace("tls") as directory:
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1", "localhost")
        authority.cert_pem.write_to_path(directory / "ca.pem")
        server.private_key_pem.write_to_path(directory / "key.pem")
        for pem in server.cert_chain_pems:
            pem.write_to_path(directory / "chain.pem", append=True)
        tls = {"certificate": str(directory / "chain.pem"), "key": str(directory / "key.pem")}
        with _serving(directory, tls=tls) as host:
            yield Registry(host, directory / "data", ca_file=directory / "ca.pem")


@contextlib.contextmanager
def capped(registry: Registry, rate: str) -> Iterator[str]:
    """`host:port` of an nginx before a plain `registry`: each connection gets `rate` (as `4m`) bytes a second."""
    with workspace("nginx") as directory:
        port = free_port()
        settings = directory / "nginx.conf"
        settings.write_text(_nginx_settings(registry.host, port, rate))
        argv = [require("nginx"), "-p", str(directory), "-c", str(settings), "-e", "stderr"]
        with daemon(argv, directory / "log") as server:
            server.wait_until(lambda: _answers(f"127.0.0.1:{port}"), "nginx")
            yield f"127.0.0.1:{port}"


def basic(user: str, password: str) -> str:
    """The Authorization header's value (RFC 7617, UTF-8)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextlib.contextmanager
def _serving(
    directory: Path, *, auth: Optional[Mapping[str, object]] = None, tls: Optional[Mapping[str, str]] = None
) -> Iterator[str]:
    """A docker-registry that keeps its data in `directory`, on a port of the system's choice: its `host:port`."""
    settings: Dict[str, object] = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": "127.0.0.1:0", "secret": "of this test alone", **({"tls": tls} if tls else {})},
        **({"auth": auth} if auth else {}),
    }
    file = directory / "config.yml"
    file.write_text(json.dumps(settings))  # JSON is YAML
    with daemon([require("docker-registry"), "serve", str(file)], directory / "log") as server:
        server.wait_until(lambda: _port(server) is not None, "docker-registry")
        yield f"127.0.0.1:{_port(server)}"


def _port(server: Daemon) -> Optional[str]:
    """Told once the socket listens: connections queue from then on."""
    found = _LISTENING.search(server.log.read_text(errors="replace"))
    return found.group(1) if found else None


def _answers(host: str) -> bool:
    connection = http.client.HTTPConnection(host, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/v2/")
            return connection.getresponse().status in (200, 401)
        except OSError:
            return False


def _nginx_settings(upstream: str, port: int, rate: str) -> str:
    user = "user root;" if os.name == "posix" and os.geteuid() == 0 else ""
    temporary = " ".join(f"{kind}_temp_path {kind};" for kind in ("proxy", "client_body", "fastcgi", "uwsgi", "scgi"))
    return f"""\
{user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off; {temporary}
  upstream registry {{ server {upstream}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{
      proxy_pass http://registry; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_max_temp_file_size 0;
      limit_rate {rate};
    }}
  }}
}}
"""
