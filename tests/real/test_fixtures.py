"""The real parts themselves: they do what tests rely on, and leave nothing behind."""

from __future__ import annotations

import base64
import http.client
import json
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from support import engines
from support.images import MadeImage, make_image
from support.process import mounts_below, processes_of
from support.registries import Registry, capped

pytestmark = pytest.mark.real


def fetch(host: str, path: str, **headers: str) -> http.client.HTTPResponse:
    """The reply to a GET, its body read."""
    connection = http.client.HTTPConnection(host, timeout=20)
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    reply.body = reply.read()  # type: ignore[attr-defined]
    connection.close()
    return reply


def test_engines_leave_nothing_behind() -> None:
    """After an engine has ended there is no process, no mount and no file of its."""
    with engines.containerd() as under, engines.dockerd(under) as docker:
        places = [under.socket.parent, docker.socket.parent]
        assert all(processes_of(place) for place in places)
    for place in places:
        assert not processes_of(place)
        assert not mounts_below(place)
        assert not place.exists()


def test_tokens_expire_when_they_say(registry_token: Registry, runnable: MadeImage) -> None:
    """The registry takes a token that is alive, and refuses it when its lifetime is over."""
    tokens = registry_token.tokens
    assert tokens is not None
    registry_token.push("public/app", "1", runnable)
    tokens.lifetime = 1
    realm = urlsplit(tokens.realm)
    reply = fetch(realm.netloc, f"{realm.path}?service=x&scope={quote('repository:public/app:pull')}")
    authorization = "Bearer " + json.loads(reply.body)["token"]  # type: ignore[attr-defined]

    def status() -> int:
        path = f"/v2/public/app/blobs/{runnable.config.digest}"
        return fetch(registry_token.host, path, Authorization=authorization).status

    assert status() == 200
    deadline = time.monotonic() + 10
    while status() == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert status() == 401


def test_token_server_refuses_wrong_passwords(registry_token: Registry) -> None:
    """Wrong credentials are no anonymous request."""
    tokens = registry_token.tokens
    assert tokens is not None
    realm = urlsplit(tokens.realm)
    wrong = "Basic " + base64.b64encode(b"skipper:wrong").decode()
    assert fetch(realm.netloc, realm.path, Authorization=wrong).status == 401


def test_a_capped_connection_is_slow(registry: Registry) -> None:
    """A connection through the capped proxy gets about the rate that was named, ranges included."""
    image = make_image([400_000])
    registry.push("capped/app", "1", image)
    path = f"/v2/capped/app/blobs/{image.layers[0].digest}"
    with capped(registry, "200k") as host:
        started = time.monotonic()
        reply = fetch(host, path, Range="bytes=0-399999")
        took = time.monotonic() - started
    assert reply.status == 206
    assert 1 <= took < 6


def test_registries_keep_their_files_apart(registry: Registry, other_registry: Registry) -> None:
    """What is pushed to one registry is not in the other."""
    image = make_image([1000], seed=77)
    registry.push("apart/app", "1", image)
    path = "/v2/apart/app/manifests/1"
    assert fetch(registry.host, path, Accept=image.media_type).status == 200
    assert fetch(other_registry.host, path, Accept=image.media_type).status == 404
    assert isinstance(registry.storage, Path)
