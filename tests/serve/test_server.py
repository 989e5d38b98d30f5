"""The registry over real sockets, asked by http.client and by raw bytes."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from support.images import MadeImage, make_image
from support.served import store_of

from dockferry.errors import UsageError
from dockferry.oci.digest import Digest
from dockferry.serve import ImageStore, Running, Served, file_blob, memory_blob, serve
from dockferry.serve.server import host_of

TIMEOUT = 20


class Log:
    """The requests that were served, in the order in which they ended."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.served: List[Served] = []

    def __call__(self, served: Served) -> None:
        with self._changed:
            self.served.append(served)
            self._changed.notify_all()

    def wait_for(self, count: int) -> List[Served]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.served) >= count, TIMEOUT)
            return list(self.served)


@pytest.fixture(scope="module")
def image() -> MadeImage:
    return make_image([300_000, 5_000, 0])


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def running(image: MadeImage, log: Log) -> Iterator[Running]:
    with serve(store_of(image, "demo/app", "1.0", "1.1", "2.0", "latest"), on_request=log) as running:
        yield running


def _ask(
    running: Running, method: str, path: str, headers: Any = (), body: Any = None
) -> Tuple[int, Dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=TIMEOUT)) as connection:
        connection.request(method, path, body, dict(headers))
        reply = connection.getresponse()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()


def _raw(running: Running, request: bytes) -> bytes:
    """All that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=TIMEOUT) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def _code(body: bytes) -> str:
    (error,) = json.loads(body)["errors"]
    assert error["message"]
    return str(error["code"])


def test_ping(running: Running) -> None:
    """`/v2/` says that this is a registry and asks for no credentials."""
    status, headers, body = _ask(running, "GET", "/v2/")
    assert (status, json.loads(body)) == (200, {})
    assert headers["docker-distribution-api-version"] == "registry/2.0"


def test_manifest_by_tag_and_by_digest(running: Running, image: MadeImage) -> None:
    """Both names give the raw manifest, its type and its digest; HEAD gives the same headers and no body."""
    for name in ("1.0", str(image.digest)):
        status, headers, body = _ask(running, "GET", f"/v2/demo/app/manifests/{name}")
        assert (status, body) == (200, image.manifest)
        assert headers["content-type"] == image.media_type
        assert headers["docker-content-digest"] == str(image.digest)
        head_status, head, empty = _ask(running, "HEAD", f"/v2/demo/app/manifests/{name}")
        assert (head_status, empty) == (200, b"")
        assert {**head, "date": ""} == {**headers, "date": ""}
        assert head["content-length"] == str(len(image.manifest))


def test_whole_blobs(running: Running, image: MadeImage) -> None:
    """Every blob comes whole with its digest and length."""
    for digest, data in image.blobs.items():
        status, headers, body = _ask(running, "GET", f"/v2/demo/app/blobs/{digest}")
        assert (status, body) == (200, data)
        assert headers["docker-content-digest"] == str(digest)
        assert headers["accept-ranges"] == "bytes"
        status, headers, body = _ask(running, "HEAD", f"/v2/demo/app/blobs/{digest}", {"Range": "bytes=0-1"})
        assert (status, headers["content-length"], body) == (200, str(len(data)), b"")


@pytest.mark.parametrize(
    ("asked", "start", "end"), [("0-0", 0, 1), ("1000-1999", 1000, 2000), ("-7", -7, None), ("5-", 5, None)]
)
def test_parts_of_blobs(running: Running, image: MadeImage, asked: str, start: int, end: Any) -> None:
    """A single range gives 206, its bytes and a Content-Range that names them."""
    layer = image.layers[0]
    data = image.blobs[layer.digest]
    status, headers, body = _ask(running, "GET", f"/v2/demo/app/blobs/{layer.digest}", {"Range": f"bytes={asked}"})
    assert (status, body) == (206, data[start:end])
    first = len(data) + start if start < 0 else start
    assert headers["content-range"] == f"bytes {first}-{first + len(body) - 1}/{len(data)}"
    assert headers["content-length"] == str(len(body))


def test_ranges_that_cannot_be_met(running: Running, image: MadeImage) -> None:
    """Past the end: 416 with the size. Several ranges, or a range of other content: the whole."""
    layer = image.layers[0]
    path = f"/v2/demo/app/blobs/{layer.digest}"
    status, headers, body = _ask(running, "GET", path, {"Range": f"bytes={layer.size}-"})
    assert (status, headers["content-range"], _code(body)) == (416, f"bytes */{layer.size}", "RANGE_INVALID")
    assert _ask(running, "GET", path, {"Range": "bytes=0-1,4-5"})[0] == 200
    assert _ask(running, "GET", path, {"Range": "bytes=0-1", "If-Range": '"other"'})[0] == 200
    assert _ask(running, "GET", path, {"Range": "bytes=0-1", "If-Range": f'"{layer.digest}"'})[0] == 206


def test_blobs_in_files(tmp_path: Path, log: Log) -> None:
    """A blob may stand anywhere in a file; a file that was cut short ends the connection, never pads."""
    data = bytes(range(256)) * 4000
    path = tmp_path / "holder"
    path.write_bytes(b"before" + data + b"after")
    digest = Digest.of(data)
    store = ImageStore()
    store.add_blob("app", digest, file_blob(path, len(data), offset=6))
    with serve(store, on_request=log) as running:
        target = f"/v2/app/blobs/{digest}"
        assert _ask(running, "GET", target)[2] == data
        assert _ask(running, "GET", target, {"Range": "bytes=1000-2000"})[2] == data[1000:2001]
        path.unlink()
        status, _, body = _ask(running, "GET", target)
        assert (status, _code(body)) == (500, "UNKNOWN")
        path.write_bytes(b"before" + data[:1000])
        with pytest.raises(http.client.IncompleteRead):
            _ask(running, "GET", target)


def test_tags_page_by_page(running: Running) -> None:
    """`n` and `last` give pages in order, and Link names the next one until there is none."""
    status, headers, body = _ask(running, "GET", "/v2/demo/app/tags/list")
    assert (status, json.loads(body)) == (200, {"name": "demo/app", "tags": ["1.0", "1.1", "2.0", "latest"]})
    assert "link" not in headers
    target, found = "/v2/demo/app/tags/list?n=3", []
    while target:
        _, headers, body = _ask(running, "GET", target)
        found.append(json.loads(body)["tags"])
        link = headers.get("link", "")
        assert not link or link.endswith('>; rel="next"')
        target = link[1:].partition(">")[0]
    assert found == [["1.0", "1.1", "2.0"], ["latest"]]
    _, headers, body = _ask(running, "GET", "/v2/demo/app/tags/list?n=0")
    assert json.loads(body)["tags"] == []
    assert "link" not in headers


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/demo/app/manifests/9", "MANIFEST_UNKNOWN"),
        ("/v2/demo/app/manifests/sha256:" + "0" * 64, "MANIFEST_UNKNOWN"),
        ("/v2/demo/app/blobs/sha256:" + "0" * 64, "BLOB_UNKNOWN"),
        ("/v2/other/manifests/1.0", "NAME_UNKNOWN"),
        ("/v2/other/blobs/sha256:" + "0" * 64, "NAME_UNKNOWN"),
        ("/v2/other/tags/list", "NAME_UNKNOWN"),
        ("/v2/_catalog", "UNSUPPORTED"),
    ],
)
def test_what_is_not_there(running: Running, path: str, code: str) -> None:
    """404 with the spec's code says whether the repository, the manifest or the blob is unknown."""
    status, headers, body = _ask(running, "GET", path)
    assert (status, headers["content-type"], _code(body)) == (404, "application/json", code)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_writing_is_refused(running: Running, method: str) -> None:
    """Every method but GET and HEAD gets 405, what is allowed, and the end of its connection."""
    status, headers, body = _ask(running, method, "/v2/demo/app/blobs/uploads/", body=b"x" * 5000)
    assert (status, headers["allow"], headers["connection"]) == (405, "GET, HEAD", "close")
    assert _code(body) == "UNSUPPORTED"


def test_a_body_is_never_the_next_request(running: Running, log: Log) -> None:
    """A request inside another's body is not answered, however the body is framed."""
    host = b"Host: " + running.host.encode() + b"\r\n"
    inner = b"GET /v2/demo/app/tags/list HTTP/1.1\r\n" + host + b"\r\n"
    for framing in (b"Content-Length: %d" % len(inner), b"Transfer-Encoding: chunked", b"Content-Length: nonsense"):
        replies = _raw(running, b"GET /v2/ HTTP/1.1\r\n" + host + framing + b"\r\n\r\n" + inner)
        assert replies.count(b"HTTP/1.1 ") == replies.count(b"HTTP/1.1 200 ") == 1
    assert {served.target for served in log.wait_for(3)} == {"/v2/"}


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /v2/" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /v2/" + b"a" * 3_000 + b" HTTP/1.0\r\n\r\n", 414),
        (b"GET /v2/ HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /v2/ HTTP/1.1\r\n" + b"X: aaaaaaaaaa\r\n" * 2_000 + b"\r\n", 431),
        (b"GET /v2/ HTTP/9.9\r\n\r\n", 505),
        (b"GET /v2/a b/manifests/1 HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v2/\r\n\r\n", 200),
        (b"GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /v2/../../etc/passwd HTTP/1.0\r\n\r\n", 404),
        (b"GET /v2/../../../etc/manifests/passwd HTTP/1.0\r\n\r\n", 400),
        (b"GET /v2/demo/app/manifests/\xff\xfe\x1b[2J HTTP/1.0\r\n\r\n", 400),
    ],
)
def test_hostile_requests(running: Running, request_bytes: bytes, status: int) -> None:
    """Oversized, malformed and wandering requests get an error of a few bytes, and nothing is echoed raw."""
    reply = _raw(running, request_bytes)
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert len(reply) < 1_000
    assert all(byte >= 32 for byte in body)
    assert _ask(running, "GET", "/v2/")[0] == 200


@pytest.mark.row(59)
@pytest.mark.rule(14)
def test_pages_in_a_browser_get_nothing(running: Running, image: MadeImage) -> None:
    """A name that leads to this machine, or a page from elsewhere: refused, and no reply is for other origins."""
    path, own = "/v2/demo/app/manifests/1.0", f"http://{running.host}"
    for method in ("GET", "HEAD"):
        for headers, status in [
            ({"Host": f"evil.example:{running.port}"}, 421),
            ({"Host": f"evil.example:{running.port}", "Origin": f"http://evil.example:{running.port}"}, 421),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Host": f"localhost:{running.port}"}, 200),
            ({"Origin": own}, 200),
        ]:
            got, fields, body = _ask(running, method, path, headers)
            assert got == status
            assert (image.manifest in body) == (status == 200 and method == "GET")
            assert not [name for name in fields if name.startswith("access-control-")]


def test_one_connection_many_requests(running: Running, image: MadeImage, log: Log) -> None:
    """Connections are kept: manifest, blob, error and HEAD follow each other on one."""
    layer = image.layers[1]
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=TIMEOUT)) as connection:
        for method, path, status in [
            ("GET", "/v2/", 200),
            ("HEAD", "/v2/demo/app/manifests/1.0", 200),
            ("GET", "/v2/demo/app/manifests/9", 404),
            ("GET", f"/v2/demo/app/blobs/{layer.digest}", 200),
            ("GET", f"/v2/demo/app/blobs/{image.layers[2].digest}", 200),
        ]:
            connection.request(method, path)
            reply = connection.getresponse()
            reply.read()
            assert reply.status == status
    served = log.wait_for(5)
    assert len({one.client for one in served}) == 1
    assert [one.status for one in served] == [200, 200, 404, 200, 200]
    assert served[3] == Served("GET", f"/v2/demo/app/blobs/{layer.digest}", None, 200, layer.size, served[0].client)
    assert running.sent == sum(one.sent for one in served)


def test_http_10_closes(running: Running) -> None:
    """An HTTP/1.0 client gets its body and the end of the connection."""
    reply = _raw(running, b"GET /v2/ HTTP/1.0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert reply.endswith(b"\r\n\r\n{}")


def test_throttled_connections_add_up(image: MadeImage) -> None:
    """Four connections at once take as long as one alone: each has the rate for itself."""
    layer = image.layers[0]
    with serve(store_of(image), rate=layer.size * 2) as running:
        took: List[float] = []

        def fetch() -> None:
            start = time.monotonic()
            assert len(_ask(running, "GET", f"/v2/demo/app/blobs/{layer.digest}")[2]) == layer.size
            took.append(time.monotonic() - start)

        threads = [threading.Thread(target=fetch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(took) == 4
    assert all(0.4 < seconds < 1.5 for seconds in took)


def test_leaving_ends_everything(image: MadeImage, log: Log) -> None:
    """Idle connections and replies under way are cut off at once when the server is left."""
    layer = image.layers[0]
    with serve(store_of(image), rate=10_000, on_request=log) as running:
        idle = socket.create_connection(("127.0.0.1", running.port), timeout=TIMEOUT)
        busy = socket.create_connection(("127.0.0.1", running.port), timeout=TIMEOUT)
        busy.sendall(b"GET /v2/demo/app/blobs/%s HTTP/1.0\r\n\r\n" % str(layer.digest).encode())
        assert busy.recv(10)
        start = time.monotonic()
    assert time.monotonic() - start < 5
    with idle, busy:
        assert idle.recv(1) == b""
        assert len(busy.makefile("rb").read()) < layer.size
    (served,) = log.wait_for(1)
    assert served.sent < layer.size
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", running.port), timeout=TIMEOUT)


def test_client_that_leaves_costs_nothing(image: MadeImage, log: Log) -> None:
    """A client that hangs up in the middle is logged with what was sent, and the next is served."""
    data = bytes(50 << 20)
    digest = Digest.of(data)
    store = ImageStore()
    store.add_blob("app", digest, memory_blob(data))
    with serve(store, on_request=log) as running:
        with socket.create_connection(("127.0.0.1", running.port), timeout=TIMEOUT) as connection:
            connection.sendall(b"GET /v2/app/blobs/%s HTTP/1.0\r\n\r\n" % str(digest).encode())
            assert connection.recv(10)
        (served,) = log.wait_for(1)
        assert served.sent < len(data)
        assert _ask(running, "GET", "/v2/")[0] == 200


def test_host_of_an_address(running: Running) -> None:
    """A host is written as a reference has it, IPv6 in brackets."""
    assert running.host == f"127.0.0.1:{running.port}"
    assert host_of("::1", 5000) == "[::1]:5000"


def test_address_in_use(running: Running) -> None:
    """A port that is taken is a usage error that names it, not a traceback."""
    with pytest.raises(UsageError, match=f"127.0.0.1:{running.port}"), serve(ImageStore(), port=running.port):
        pass
