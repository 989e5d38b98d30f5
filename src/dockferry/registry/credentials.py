"""Credentials: who the user is at one registry, and the places where that may be written.

Looked up for exactly one `host[:port]`, in this order:

1. what the caller gives, for the caller's own registry only; `DOCKFERRY_USERNAME` and `DOCKFERRY_PASSWORD` stand in
   for what the caller leaves out;
2. `$REGISTRY_AUTH_FILE`; `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`; Podman's
   `$XDG_RUNTIME_DIR/containers/auth.json` and `~/.config/containers/auth.json`. In each file a helper for this host
   comes before the file's helper for all, and that before what the file itself holds.

A store that is broken breaks no anonymous pull: what went wrong is collected in `problems`.
"""

from __future__ import annotations

import base64
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional

from ..errors import AuthError, ContentError
from ..message import Message
from ..text import clean
from .credential_helper import HELPER_SECONDS, ask_helper
from .docker_config import DockerConfig, registry_key, server_name

USERNAME_VARIABLE = "DOCKFERRY_USERNAME"
PASSWORD_VARIABLE = "DOCKFERRY_PASSWORD"  # noqa: S105 - a name, no secret
IDENTITY_USER = "<token>"
"""The user name by which Docker's stores say that the secret is an identity token."""
_NO_PAIR = Message("auth is not base64 of user:password")


@dataclass(frozen=True)
class Credentials:
    """`password` or `identity_token` (an OAuth2 refresh token), or both. `repr` shows neither."""

    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    @classmethod
    def of(cls, username: str, secret: str) -> Credentials:
        """From a pair as Docker's stores keep it."""
        return cls("", "", secret) if username == IDENTITY_USER else cls(username, secret)

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Optional[Credentials]:
        """From an entry of `auths` in config.json; None if it holds none. Raises ValueError, without secrets."""
        auth, username, password = (entry.get(key) or "" for key in ("auth", "username", "password"))
        token = entry.get("identitytoken") or ""
        if not all(isinstance(text, str) for text in (auth, username, password, token)):
            raise ValueError(Message("wrong types"))
        if auth:
            username, colon, password = _decode_auth(auth).partition(":")
            if not colon:
                raise ValueError(_NO_PAIR)
        if token:
            return cls("" if username == IDENTITY_USER else username, password, token)
        return cls.of(username, password) if password else None

    def basic(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        pair = f"{self.username or IDENTITY_USER}:{self.password or self.identity_token}"
        # Lone surrogates are for the server to refuse: an exception here would carry the secret.
        return "Basic " + base64.b64encode(pair.encode("utf-8", "surrogatepass")).decode("ascii")


class CredentialStore:
    """Finds credentials by host. Safe for threads; each host is looked up once.

    `own_host` is the `host[:port]` to which `username` and `password`, or the environment's, belong.
    `problems` holds one line for each thing that was there and could not be used, without secrets.
    """

    def __init__(
        self,
        own_host: str = "",
        username: str = "",
        password: str = "",
        environ: Optional[Mapping[str, str]] = None,
        home: Optional[Path] = None,
        helper_seconds: float = HELPER_SECONDS,
    ) -> None:
        self.problems: List[str] = []
        self._own_host = registry_key(own_host)
        self._environ = os.environ if environ is None else environ
        self._username = username or self._environ.get(USERNAME_VARIABLE, "")
        self._password = password or self._environ.get(PASSWORD_VARIABLE, "")
        self._home = Path(os.path.expanduser("~")) if home is None else home
        self._helper_seconds = helper_seconds
        self._known: Dict[str, Optional[Credentials]] = {}
        self._lock = threading.Lock()

    def find(self, host: str) -> Optional[Credentials]:
        """The credentials for `host` (`host[:port]`), None where there are none; never raises for a broken store."""
        key = registry_key(host)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._search(key)
            return self._known[key]

    def _search(self, key: str) -> Optional[Credentials]:
        if key == self._own_host:
            if self._username and self._password:
                return Credentials.of(self._username, self._password)
            if self._username or self._password:
                self._problem(
                    Message(
                        "{} and {}: wanted both, got one, which is not used", USERNAME_VARIABLE, PASSWORD_VARIABLE
                    )
                )
        for path in self._files():
            found = self._from_file(path, key)
            if found is not None:
                return found
        return None

    def _files(self) -> Iterator[Path]:
        """The files that may hold credentials, most specific first."""
        chosen = self._environ.get("REGISTRY_AUTH_FILE", "")
        if chosen:
            if not Path(chosen).exists():
                self._problem(Message("REGISTRY_AUTH_FILE names {}, which does not exist", clean(chosen)))
            yield Path(chosen)
        docker = self._environ.get("DOCKER_CONFIG", "")
        yield (Path(docker) if docker else self._home / ".docker") / "config.json"
        runtime = self._environ.get("XDG_RUNTIME_DIR", "")
        if runtime:
            yield Path(runtime) / "containers" / "auth.json"
        yield self._home / ".config" / "containers" / "auth.json"

    def _from_file(self, path: Path, key: str) -> Optional[Credentials]:
        config = self._read(path)
        if config is None:
            return None
        for name in config.helpers_for(key):
            found = self._from_helper(name, key)
            if found is not None:
                return found
        for entry in config.entries_for(key):
            try:
                found = Credentials.from_entry(entry)
            except ValueError as error:
                self._problem(
                    Message(
                        "{}: the entry for {} is not used: {}", clean(str(path)), clean(key, 100), Message(str(error))
                    )
                )
                continue
            if found is not None:
                return found
        return None

    def _read(self, path: Path) -> Optional[DockerConfig]:
        shown = clean(str(path))
        try:
            return DockerConfig.parse(path.read_bytes(), shown)
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            self._problem(Message("{} cannot be read: {}", shown, Message(error.strerror or type(error).__name__)))
        except ContentError as error:
            self._problem(error.message)
        return None

    def _from_helper(self, name: str, key: str) -> Optional[Credentials]:
        try:
            found = ask_helper(name, server_name(key), self._environ, self._helper_seconds)
        except AuthError as error:
            self._problem(error.line)
            return None
        return Credentials.of(*found) if found else None

    def _problem(self, line: str) -> None:
        if line not in self.problems:
            self.problems.append(line)


def _decode_auth(auth: str) -> str:
    try:
        return base64.b64decode(auth, validate=True).decode("utf-8").rstrip("\0")
    except ValueError:
        # The original error would show a byte of the secret.
        raise ValueError(_NO_PAIR) from None
