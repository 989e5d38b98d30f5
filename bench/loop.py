"""CPU seconds for each GiB of the byte path and of the engine's loop alone, against bare loops, on loopback.

python bench/loop.py [GIB]        # plain and TLS, interleaved, median of 7; only this process is counted

`receive`, `standard` and `body` only receive: a bare socket, http.client, our client. `inline` and `engine` receive,
hash and write one blob over one connection into a file in the temporary directory: a bare loop, our whole engine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.client
import mmap
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import trustme

from dockferry.oci.descriptor import Descriptor
from dockferry.oci.digest import Digest
from dockferry.oci.reference import Reference
from dockferry.registry.access import Access
from dockferry.registry.credentials import CredentialStore
from dockferry.registry.repository import open_repository
from dockferry.registry.tls import trusting_context
from dockferry.registry.transport import Transport
from dockferry.transfer.claims import Recovered
from dockferry.transfer.engine import Options, transfer
from dockferry.transfer.journal import Journal
from dockferry.transfer.ranges import RangeSet

ROUNDS = 7
BUFFER = 512 * 1024


def serve(size: int, port_file: str, certificate: Optional[str]) -> None:
    """In a process of its own: every request is answered with `size` zeros."""
    listener = socket.create_server(("127.0.0.1", 0))
    Path(port_file).write_text(str(listener.getsockname()[1]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        context.load_cert_chain(certificate)
    block = bytes(BUFFER)
    while True:
        sock, _ = listener.accept()
        with contextlib.suppress(OSError), sock:
            if certificate:
                sock = context.wrap_socket(sock, server_side=True)
            while sock.recv(65536):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
                for _ in range(size // BUFFER):
                    sock.sendall(block)


def connect(port: int, pem: Optional[str]) -> Any:
    sock: Any = socket.create_connection(("127.0.0.1", port))
    if pem:
        sock = trusting_context(pem).wrap_socket(sock, server_hostname="127.0.0.1")
    sock.settimeout(30)
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
    return sock


def receive(port: int, pem: Optional[str], size: int, view: memoryview, fd: int) -> None:
    """The floor of receiving: a socket and a buffer."""
    with connect(port, pem) as sock:
        got = 0
        while got < size:
            got += sock.recv_into(view)


def inline(port: int, pem: Optional[str], size: int, view: memoryview, fd: int) -> None:
    """The floor of all: a buffer is filled, hashed, and written."""
    hasher = hashlib.sha256()
    with connect(port, pem) as sock:
        got = 0
        while got < size:
            filled = 0
            while filled < len(view) and got + filled < size:
                filled += sock.recv_into(view[filled:])
            hasher.update(view[:filled])
            os.pwrite(fd, view[:filled], got)
            got += filled
    hasher.hexdigest()


class File:
    """A destination (`transfer.protocols.Destination`) of one blob."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, blob: Descriptor, offset: int, data: memoryview) -> None:
        os.pwrite(self._fd, data, offset)

    def readinto(self, blob: Descriptor, offset: int, view: memoryview) -> int:
        return os.preadv(self._fd, [view], offset)

    def sync(self) -> None:
        os.fdatasync(self._fd)


def engine(port: int, pem: Optional[str], size: int, view: memoryview, fd: int) -> None:
    """The whole engine, without the documents, the archive and the start of the program."""
    blob = Descriptor("application/octet-stream", zeros(size), size)
    access = Access(ca_cert=pem, plain_http=not pem)
    with tempfile.TemporaryDirectory() as folder:
        nobody = CredentialStore("", environ={}, home=Path(folder))
        repository = open_repository(Reference.parse(f"127.0.0.1:{port}/bench/loop"), None, access, nobody)
        nothing = Recovered(had=[RangeSet()], synced=[RangeSet()])
        journal = Journal.create(Path(folder, "journal"), "bench", nothing, "-")
        try:
            transfer([blob], [repository], File(fd), journal, nothing.had, Options(threads=1))
        finally:
            journal.close()
            repository.close()


@functools.lru_cache(maxsize=None)
def zeros(size: int) -> Digest:
    hasher = hashlib.sha256()
    for _ in range(size // BUFFER):
        hasher.update(bytes(BUFFER))
    return Digest("sha256", hasher.hexdigest())


def standard(port: int, pem: Optional[str], size: int, view: memoryview, fd: int) -> None:
    """http.client's readinto, for comparison: it waits for a full buffer."""
    if pem:
        connection: Any = http.client.HTTPSConnection("127.0.0.1", port, context=trusting_context(pem))
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/")
    reply = connection.getresponse()
    while reply.readinto(view):
        pass
    connection.close()


def body(port: int, pem: Optional[str], size: int, view: memoryview, fd: int) -> None:
    """Our client: transport and body."""
    scheme = "https" if pem else "http"
    transport = Transport(Access(ca_cert=pem), f"{scheme}://127.0.0.1:{port}")
    reply = transport.request("GET", f"{scheme}://127.0.0.1:{port}/", {}).body
    while reply.readinto(view):
        pass
    assert reply.got == size
    reply.close()
    transport.close()


def measure(size: int, pem: Optional[str], port: int, folder: str) -> None:
    view = memoryview(mmap.mmap(-1, BUFFER))
    zeros(size)
    ways: List[Callable[..., None]] = [receive, standard, body, inline, engine]
    cpu: Dict[str, List[float]] = {way.__name__: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            with tempfile.TemporaryFile(dir=folder) as file:
                os.posix_fallocate(file.fileno(), 0, size)
                began = time.process_time()
                way(port, pem, size, view, file.fileno())
                cpu[way.__name__].append((time.process_time() - began) * (1 << 30) / size)
    for name, found in cpu.items():
        middle = statistics.median(found)
        floor = statistics.median(cpu["inline" if name in ("inline", "engine") else "receive"])
        print(f"{'TLS' if pem else 'plain':6} {name:9} {middle:.3f} CPU s/GiB  {middle / floor:.3f} of the bare loop")


def main() -> None:
    size = int(float(sys.argv[1] if len(sys.argv) > 1 else "0.5") * 1024) << 20
    with tempfile.TemporaryDirectory() as folder:
        for tls in (False, True):
            port_file, certificate, pem = Path(folder, f"port{tls}"), "", None
            if tls:
                authority = trustme.CA()
                certificate, pem = os.path.join(folder, "server.pem"), os.path.join(folder, "authority.pem")
                authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
                authority.cert_pem.write_to_path(pem)
            command = [sys.executable, __file__, "--serve", str(size), str(port_file), certificate]
            with subprocess.Popen(command) as server:
                try:
                    while not port_file.exists() or not port_file.read_text():
                        time.sleep(0.01)
                    measure(size, pem, int(port_file.read_text()), folder)
                finally:
                    server.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), sys.argv[3], sys.argv[4] or None)
    else:
        main()
