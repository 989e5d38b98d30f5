"""CPU seconds for each GiB that the client's byte path takes, against a bare receive loop, on loopback.

python bench/body.py [GIB]        # plain and TLS, interleaved, median of 7; only the client's thread is counted
"""

from __future__ import annotations

import contextlib
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

from dockferry.registry.access import Access
from dockferry.registry.tls import trusting_context
from dockferry.registry.transport import Transport

ROUNDS = 7
BUFFER = 1 << 20


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


def bare(port: int, pem: Optional[str], size: int, view: memoryview) -> None:
    """The floor: a socket and a buffer."""
    sock: Any = socket.create_connection(("127.0.0.1", port))
    if pem:
        sock = trusting_context(pem).wrap_socket(sock, server_hostname="127.0.0.1")
    sock.settimeout(30)
    with sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        got = 0
        while got < size:
            got += sock.recv_into(view)


def standard(port: int, pem: Optional[str], size: int, view: memoryview) -> None:
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


def ours(port: int, pem: Optional[str], size: int, view: memoryview) -> None:
    """The whole client: transport and body."""
    scheme = "https" if pem else "http"
    transport = Transport(Access(ca_cert=pem), f"{scheme}://127.0.0.1:{port}")
    body = transport.request("GET", f"{scheme}://127.0.0.1:{port}/", {}).body
    while body.readinto(view):
        pass
    assert body.got == size
    body.close()
    transport.close()


def measure(size: int, pem: Optional[str], port: int) -> None:
    view = memoryview(mmap.mmap(-1, BUFFER))
    ways: List[Callable[..., None]] = [bare, standard, ours]
    cpu: Dict[str, List[float]] = {way.__name__: [] for way in ways}
    for _ in range(ROUNDS):
        for way in ways:
            began = time.process_time()
            way(port, pem, size, view)
            cpu[way.__name__].append((time.process_time() - began) * (1 << 30) / size)
    floor = statistics.median(cpu["bare"])
    for name, found in cpu.items():
        middle = statistics.median(found)
        print(f"{'TLS' if pem else 'plain':6} {name:9} {middle:.3f} CPU s/GiB  {middle / floor:.3f} of bare")


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
                    measure(size, pem, int(port_file.read_text()))
                finally:
                    server.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]), sys.argv[3], sys.argv[4] or None)
    else:
        main()
