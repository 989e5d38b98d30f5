"""Credentials are found where Docker and Podman keep them, for exactly the host they belong to, and never shown."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

import pytest

from dockferry.registry.credentials import Credentials, CredentialStore

SECRET = "s3cr3t-päss:word"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    place = tmp_path / "home"
    place.mkdir()
    return place


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    """An empty directory for PATH."""
    place = tmp_path / "bin"
    place.mkdir()
    return place


def auth(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def docker_config(home: Path, document: Any) -> Path:
    return write(home / ".docker" / "config.json", document)


def write_helper(bin_dir: Path, name: str, source: str) -> None:
    """A real program that this Python runs; it notes its arguments and stdin beside itself."""
    head = f"#!{sys.executable} -IS\nimport json, os, sys, time\nserver = sys.stdin.read()\n"
    note = f"open({str(bin_dir / 'asked')!r}, 'a').write(json.dumps([sys.argv[1:], server]) + '\\n')\n"
    program = bin_dir / f"docker-credential-{name}"
    program.write_text(head + note + source, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def answering(username: str, secret: str) -> str:
    return f"print(json.dumps({{'ServerURL': server, 'Username': {username!r}, 'Secret': {secret!r}}}))\n"


def asked(bin_dir: Path) -> list:
    place = bin_dir / "asked"
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


def make_store(
    home: Path,
    environ: Optional[Dict[str, str]] = None,
    own_host: str = "",
    given: Tuple[str, str] = ("", ""),
    seconds: float = 20.0,
) -> CredentialStore:
    return CredentialStore(own_host, *given, environ or {}, home, seconds)


def test_repr_shows_no_secret() -> None:
    """Neither password nor identity token can end in a log by way of repr."""
    shown = repr(Credentials("ann", SECRET, "refresh-me"))
    assert "ann" in shown
    assert SECRET not in shown
    assert "refresh-me" not in shown


def test_basic_is_utf8() -> None:
    """Basic carries user and password as UTF-8 (RFC 7617), even text that is no character."""
    assert Credentials("ann", SECRET).basic() == "Basic " + auth("ann", SECRET)
    assert Credentials("ann", "\ud800").basic().startswith("Basic ")


def test_order_of_places(home: Path) -> None:
    """What is given goes before the environment, and that before the files."""
    docker_config(home, {"auths": {"reg.example": {"auth": auth("file", "f")}}})
    environ = {"DOCKFERRY_USERNAME": "env", "DOCKFERRY_PASSWORD": "e"}
    assert make_store(home, environ, "reg.example", ("given", "g")).find("reg.example") == Credentials("given", "g")
    assert make_store(home, environ, "reg.example", ("given", "")).find("reg.example") == Credentials("given", "e")
    assert make_store(home, environ, "reg.example").find("reg.example") == Credentials("env", "e")
    assert make_store(home, {}, "reg.example").find("reg.example") == Credentials("file", "f")


@pytest.mark.rule(5)
def test_own_secrets_are_for_the_own_host(home: Path) -> None:
    """Neither the given pair nor the environment's is for a mirror, another port or a subdomain."""
    environ = {"DOCKFERRY_USERNAME": "env", "DOCKFERRY_PASSWORD": "e"}
    for store in (
        make_store(home, environ, "reg.example"),
        make_store(home, {}, "reg.example", ("a", "b")),
    ):
        for other in ("mirror.example", "reg.example:5000", "sub.reg.example", "example", "docker.io", ""):
            assert store.find(other) is None
    assert make_store(home, environ).find("reg.example") is None


def test_half_an_environment_is_a_problem(home: Path) -> None:
    """A user name without a password is not used, and said."""
    store = make_store(home, {"DOCKFERRY_PASSWORD": SECRET}, "reg.example")
    assert store.find("reg.example") is None
    assert "DOCKFERRY_USERNAME" in store.problems[0]
    assert SECRET not in store.problems[0]


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "https://docker.io"])
@pytest.mark.parametrize("host", ["docker.io", "registry-1.docker.io"])
def test_docker_hub_has_many_names(home: Path, key: str, host: str) -> None:
    """A login to Docker Hub is found under each name that tools have written."""
    docker_config(home, {"auths": {key: {"auth": auth("ann", SECRET)}}})
    assert make_store(home).find(host) == Credentials("ann", SECRET)


@pytest.mark.parametrize(
    "key", ["reg.example:5000", "https://reg.example:5000", "http://reg.example:5000/v2/", "REG.example:5000/x"]
)
def test_keys_are_hosts(home: Path, key: str) -> None:
    """A key's scheme and path are no part of the host; its port is."""
    docker_config(home, {"auths": {key: {"auth": auth("ann", "x")}}})
    store = make_store(home)
    assert store.find("reg.example:5000") == Credentials("ann", "x")
    assert store.find("reg.example") is None
    assert store.find("reg.example:5001") is None


def test_exact_key_first(home: Path) -> None:
    """The entry under the host's very name goes before those that only lead to it, and Desktop's halves never do."""
    docker_config(
        home,
        {
            "auths": {
                "https://index.docker.io/v1/access-token": {"auth": auth("no", "no")},
                "https://index.docker.io/v1/refresh-token": {"auth": auth("no", "no")},
                "reg.example/team": {"auth": auth("team", "t")},
                "reg.example": {"auth": auth("exact", "e")},
            }
        },
    )
    store = make_store(home)
    assert store.find("reg.example").username == "exact"
    assert store.find("docker.io") is None


def test_forms_of_an_entry(home: Path) -> None:
    """base64 pair, padded with zero bytes or not; plain fields; identity token; an empty placeholder."""
    docker_config(
        home,
        {
            "auths": {
                "nul": {"auth": base64.b64encode(b"ann:x\0\0").decode()},
                "plain": {"username": "ann", "password": "x"},
                "token": {"auth": auth("00000000-0000-0000-0000-000000000000", ""), "identitytoken": "refresh"},
                "marked": {"auth": auth("<token>", "refresh")},
                "empty": {},
                "nulls": {"auth": None, "identitytoken": None},
            }
        },
    )
    store = make_store(home)
    assert store.find("nul") == Credentials("ann", "x")
    assert store.find("plain") == Credentials("ann", "x")
    assert store.find("token").identity_token == "refresh"
    assert store.find("marked") == Credentials("", "", "refresh")
    assert store.find("empty") is None
    assert store.find("nulls") is None
    assert store.problems == []


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": "not base64!"},
        {"auth": base64.b64encode(b"no colon s3cr3t").decode()},
        {"auth": base64.b64encode(b"\xff\xfe:s3cr3t").decode()},
        {"auth": 7},
        {"auth": auth("ann", "s3cr3t"), "identitytoken": ["s3cr3t"]},
        {"username": "ann", "password": {"s3cr3t": 1}},
    ],
)
def test_a_bad_entry_is_a_problem(home: Path, entry: Dict[str, Any]) -> None:
    """An entry that cannot be read is named by file and host, without a byte of it."""
    path = docker_config(home, {"auths": {"reg.example": entry}})
    store = make_store(home)
    assert store.find("reg.example") is None
    (problem,) = store.problems
    assert str(path) in problem
    assert "reg.example" in problem
    assert "s3cr3t" not in problem


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        '{"auths": []}',
        '{"auths": {"h": "s3cr3t"}}',
        '{"credHelpers": {"h": 1}}',
        '{"credsStore": ["s3cr3t"]}',
        '{"auths": {"h": {"auth": "s3cr3t"',
        "[" * 100000,
    ],
)
def test_a_malformed_file_is_a_problem(home: Path, text: str) -> None:
    """A file that is no config breaks no pull: it is named once, and nothing of it is quoted."""
    path = docker_config(home, text)
    store = make_store(home)
    assert store.find("h") is None
    assert store.find("other") is None
    (problem,) = store.problems
    assert str(path) in problem
    assert "s3cr3t" not in problem
    assert len(problem) < 1000


def test_a_config_from_a_windows_editor(home: Path) -> None:
    """A byte order mark before the JSON is no fault."""
    docker_config(home, "\ufeff" + json.dumps({"auths": {"h": {"auth": auth("ann", "x")}}}))
    assert make_store(home).find("h") == Credentials("ann", "x")


def test_places_of_files(home: Path, tmp_path: Path) -> None:
    """$REGISTRY_AUTH_FILE, then Docker's file ($DOCKER_CONFIG instead of ~/.docker), then Podman's."""

    def entry(name: str) -> Dict[str, Any]:
        return {"auths": {"h": {"auth": auth(name, "x")}}}

    write(home / ".config" / "containers" / "auth.json", entry("podman-home"))
    environ: Dict[str, str] = {}
    assert make_store(home, environ).find("h").username == "podman-home"
    environ["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    write(tmp_path / "run" / "containers" / "auth.json", entry("podman-run"))
    assert make_store(home, environ).find("h").username == "podman-run"
    docker_config(home, entry("docker-home"))
    assert make_store(home, environ).find("h").username == "docker-home"
    environ["DOCKER_CONFIG"] = str(tmp_path / "elsewhere")
    assert make_store(home, environ).find("h").username == "podman-run"
    write(tmp_path / "elsewhere" / "config.json", entry("docker-elsewhere"))
    assert make_store(home, environ).find("h").username == "docker-elsewhere"
    environ["REGISTRY_AUTH_FILE"] = str(write(tmp_path / "chosen.json", entry("chosen")))
    assert make_store(home, environ).find("h").username == "chosen"


def test_a_named_file_that_is_missing_is_a_problem(home: Path, tmp_path: Path) -> None:
    """Who names a file means one; a default place may be empty."""
    store = make_store(home, {"REGISTRY_AUTH_FILE": str(tmp_path / "missing.json")})
    assert store.find("h") is None
    assert "missing.json" in store.problems[0]
    assert len(store.problems) == 1


def test_an_unreadable_file_is_a_problem(home: Path) -> None:
    """A file that cannot be opened (here: a directory) is named, and nothing breaks."""
    (home / ".docker" / "config.json").mkdir(parents=True)
    store = make_store(home)
    assert store.find("h") is None
    assert "config.json" in store.problems[0]


def test_helper_protocol(home: Path, bin_dir: Path) -> None:
    """The helper gets `get` as its only argument and the server on stdin; its answer is the pair."""
    write_helper(bin_dir, "one", answering("ann", SECRET))
    docker_config(home, {"credsStore": "one"})
    store = make_store(home, {"PATH": str(bin_dir)})
    assert store.find("reg.example:5000") == Credentials("ann", SECRET)
    assert store.find("docker.io") == Credentials("ann", SECRET)
    assert store.find("docker.io") == Credentials("ann", SECRET)
    assert asked(bin_dir) == [[["get"], "reg.example:5000"], [["get"], "https://index.docker.io/v1/"]]
    assert store.problems == []


def test_helper_gives_an_identity_token(home: Path, bin_dir: Path) -> None:
    """The user name `<token>` means that the secret is an identity token."""
    write_helper(bin_dir, "one", answering("<token>", "refresh-me"))
    docker_config(home, {"credHelpers": {"reg.example": "one"}})
    assert make_store(home, {"PATH": str(bin_dir)}).find("reg.example") == Credentials("", "", "refresh-me")


def test_a_hosts_helper_goes_first(home: Path, bin_dir: Path) -> None:
    """credHelpers before credsStore before auths; a helper for another host is not asked."""
    write_helper(bin_dir, "all", answering("all", "a"))
    write_helper(bin_dir, "special", answering("special", "s"))
    docker_config(
        home,
        {
            "auths": {"reg.example": {"auth": auth("file", "f")}, "https://index.docker.io/v1/": {}},
            "credHelpers": {"https://reg.example/": "special", "third.example": ""},
            "credsStore": "all",
        },
    )
    store = make_store(home, {"PATH": str(bin_dir)})
    assert store.find("reg.example").username == "special"
    assert store.find("third.example").username == "all"


@pytest.mark.parametrize(
    "message",
    ["credentials not found in native keychain", "no credentials server URL", "Error: Credentials Not Found"],
)
def test_a_helper_that_has_none(home: Path, bin_dir: Path, message: str) -> None:
    """`credentials not found` is no problem: there are none there, and the next place is asked."""
    write_helper(bin_dir, "one", f"print({message!r}); sys.exit(1)\n")
    docker_config(home, {"credsStore": "one", "auths": {"reg.example": {"auth": auth("file", "f")}}})
    store = make_store(home, {"PATH": str(bin_dir)})
    assert store.find("reg.example").username == "file"
    assert store.find("other.example") is None
    assert store.problems == []


def test_a_missing_helper_breaks_nothing(home: Path, tmp_path: Path) -> None:
    """A config copied from a desktop names a helper that is not here: said once, by name, and the pull goes on."""
    docker_config(home, {"credsStore": "desktop"})
    store = make_store(home, {"PATH": str(tmp_path / "nowhere")})
    assert store.find("docker.io") is None
    assert store.find("reg.example") is None
    (problem,) = store.problems
    assert "docker-credential-desktop" in problem


def test_a_helper_that_hangs(home: Path, bin_dir: Path) -> None:
    """A helper that gives no answer is ended after its time and named."""
    write_helper(bin_dir, "slow", f"print({SECRET!r}, flush=True); time.sleep(600)\n")
    docker_config(home, {"credsStore": "slow"})
    store = make_store(home, {"PATH": str(bin_dir)}, seconds=0.5)
    assert store.find("reg.example") is None
    (problem,) = store.problems
    assert "docker-credential-slow" in problem
    assert SECRET not in problem


@pytest.mark.parametrize(
    "source",
    [
        "print('the keychain is locked'); sys.exit(3)\n",
        "print(json.dumps({'Username': 'ann', 'Secret': 's3cr3t'})); sys.exit(1)\n",
        "print('s3cr3t {')\n",
        "print('[]')\n",
        "print('[' * 50000)\n",
        "print(json.dumps({'Username': 1, 'Secret': ['s3cr3t']}))\n",
        "print('s3cr3t', file=sys.stderr); os._exit(5)\n",
        "os.kill(os.getpid(), 9)\n",
    ],
)
def test_a_helper_that_fails(home: Path, bin_dir: Path, source: str) -> None:
    """A helper that fails or talks nonsense is a problem with its name, never with what may be a secret."""
    write_helper(bin_dir, "bad", source)
    docker_config(home, {"credsStore": "bad"})
    store = make_store(home, {"PATH": str(bin_dir)})
    assert store.find("reg.example") is None
    (problem,) = store.problems
    assert "docker-credential-bad" in problem
    assert "s3cr3t" not in problem


def test_a_helper_that_cannot_be_run(home: Path, bin_dir: Path) -> None:
    """A file that is no program is a problem, no crash."""
    program = bin_dir / "docker-credential-odd"
    program.write_bytes(b"#!/nonexistent/interpreter\n")
    program.chmod(0o755)
    docker_config(home, {"credsStore": "odd"})
    store = make_store(home, {"PATH": str(bin_dir)})
    assert store.find("reg.example") is None
    assert "docker-credential-odd" in store.problems[0]


@pytest.mark.parametrize("name", ["../evil", "/bin/sh", "a b", "x\n", "-x", "x" * 65, "ü"])
def test_a_helpers_name_is_no_path(home: Path, tmp_path: Path, name: str) -> None:
    """The name is letters and digits before anything is run."""
    docker_config(home, {"credsStore": name})
    store = make_store(home, {"PATH": str(tmp_path)})
    assert store.find("reg.example") is None
    assert "not the name" in store.problems[0]


def test_the_current_directory_is_not_in_the_path(home: Path, bin_dir: Path) -> None:
    """Relative and empty entries of PATH are passed over: nobody plants a helper beside an archive."""
    write_helper(bin_dir, "one", answering("planted", "x"))
    docker_config(home, {"credsStore": "one"})
    store = make_store(home, {"PATH": os.pathsep.join(["", ".", os.path.relpath(bin_dir)])})
    assert store.find("reg.example") is None
    assert asked(bin_dir) == []
