"""Canaries: secrets that can be found wherever they got to, in any of the forms that they are sent in."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Dict, List
from urllib.parse import quote

from .rude import RudeServer

USER, PROXY_USER = "canary-user", "canary-proxy-user"
PASSWORD = "CANARY:password/1"
TOKEN = "CANARY-token-2"
SIGNATURE = "CANARY-signature-3"
PROXY_PASSWORD = "CANARY-proxy-4"

SECRETS: Dict[str, List[str]] = {
    "password": [PASSWORD, quote(PASSWORD, safe="")],
    "token": [TOKEN],
    "signature": [SIGNATURE],
    "proxy": [PROXY_PASSWORD],
}


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


SECRETS["password"].append(_basic(USER, PASSWORD))
SECRETS["proxy"].append(_basic(PROXY_USER, PROXY_PASSWORD))


def found_in(text: str) -> List[str]:
    """The names of the secrets that stand in `text`."""
    return sorted(name for name, forms in SECRETS.items() if any(form in text for form in forms))


def seen_by(server: RudeServer) -> List[str]:
    """The secrets that came with any request: in its target, its fields or its body."""
    return found_in(" ".join(f"{one.target} {one.fields} {one.body.decode('latin-1')}" for one in server.requests))


def kept_in(folder: Path) -> Dict[str, List[str]]:
    """The secrets in the files below `folder`, by name; files without any are left out."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = {path.name: found_in(path.read_bytes().decode("latin-1")) for path in files}
    return {name: secrets for name, secrets in found.items() if secrets}
