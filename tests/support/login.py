"""A registry that gives nothing without a login, and can fail for a while first."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import List

from .canaries import PASSWORD, USER
from .images import MadeImage
from .rude import Request, Wire
from .rude_registry import RudeRegistry

_RIGHT = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@dataclass
class GuardedRegistry:
    """A rude server's handler: `busy` requests get 503, then what has no right login 401; `logins` are what came."""

    image: MadeImage
    busy: int = 0
    is_open: bool = False
    logins: List[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._behind = RudeRegistry(self.image)

    def __call__(self, request: Request, wire: Wire) -> None:
        login = request.header("authorization")
        if login:
            self.logins.append(login)
        if self.busy > 0:
            self.busy -= 1
            wire.reply(503)
        elif self.is_open or login == _RIGHT:
            self._behind(request, wire)
        else:
            wire.reply(401, b"", [("WWW-Authenticate", 'Basic realm="quay"')])
