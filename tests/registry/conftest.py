"""Servers and TLS for the registry client's tests."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from typing import Callable, Iterator, Optional, Tuple

import pytest
from support.certificates import make_authority
from support.rude import Handler, RudeServer

Serve = Callable[..., RudeServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts rude servers, and ends them."""
    with ExitStack() as stack:

        def start(handler: Handler, tls: Optional[ssl.SSLContext] = None) -> RudeServer:
            return stack.enter_context(RudeServer(handler, tls))

        yield start


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Tuple[ssl.SSLContext, str]:
    """A TLS server's context for 127.0.0.1, and the PEM file of who signed it."""
    return make_authority(tmp_path_factory.mktemp("tls"), "127.0.0.1", "r.example")
