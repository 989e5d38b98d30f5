"""References: the grammar of the distribution project, Docker Hub's abbreviations, and everything that is neither."""

from __future__ import annotations

import time
from typing import Optional

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dockferry.errors import UsageError
from dockferry.oci.digest import Digest
from dockferry.oci.reference import Reference, check_repository, parse_host

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", "latest", None),
        ("nginx:1.27", "docker.io", "library/nginx", "1.27", None),
        ("library/nginx", "docker.io", "library/nginx", "latest", None),
        ("infiniflow/ragflow:v0.17.0", "docker.io", "infiniflow/ragflow", "v0.17.0", None),
        ("docker.io/nginx", "docker.io", "library/nginx", "latest", None),
        ("docker.io/org/app", "docker.io", "org/app", "latest", None),
        ("DOCKER.IO/nginx", "docker.io", "library/nginx", "latest", None),
        ("index.docker.io/nginx", "docker.io", "library/nginx", "latest", None),
        ("registry-1.docker.io/library/nginx", "docker.io", "library/nginx", "latest", None),
        ("registry.hub.docker.com/library/nginx", "docker.io", "library/nginx", "latest", None),
        ("docker.io:443/nginx", "docker.io:443", "nginx", "latest", None),
        ("ghcr.io/org/app", "ghcr.io", "org/app", "latest", None),
        ("ghcr.io/app", "ghcr.io", "app", "latest", None),
        ("localhost/app", "localhost", "app", "latest", None),
        ("localhost:5000/app:1", "localhost:5000", "app", "1", None),
        ("localhost", "docker.io", "library/localhost", "latest", None),
        ("localhost:5000", "docker.io", "library/localhost", "5000", None),
        ("registry:5000/app", "registry:5000", "app", "latest", None),
        ("registry/app", "docker.io", "registry/app", "latest", None),
        ("REG.example:5000/a/b-c/d_e/f__g/h.i/j--k", "reg.example:5000", "a/b-c/d_e/f__g/h.i/j--k", "latest", None),
        ("127.0.0.1:5000/app", "127.0.0.1:5000", "app", "latest", None),
        ("[::1]/app", "[::1]", "app", "latest", None),
        ("[2001:DB8::1]:5000/a/b:t", "[2001:db8::1]:5000", "a/b", "t", None),
        ("[::ffff:1.2.3.4]/app", "[::ffff:1.2.3.4]", "app", "latest", None),
        ("xn--7o8h.com/app", "xn--7o8h.com", "app", "latest", None),
        ("reg.example:05000/app", "reg.example:5000", "app", "latest", None),
        (f"nginx@{DIGEST}", "docker.io", "library/nginx", None, DIGEST),
        (f"reg.example:5000/app:1.0@{DIGEST}", "reg.example:5000", "app", "1.0", DIGEST),
        (f"app@sha512:{HEX}{HEX}", "docker.io", "library/app", None, f"sha512:{HEX}{HEX}"),
        ("app:_", "docker.io", "library/app", "_", None),
        ("app:A.b-C_9", "docker.io", "library/app", "A.b-C_9", None),
        ("app:" + "t" * 128, "docker.io", "library/app", "t" * 128, None),
        ("a" * 63 + ".example/app", "a" * 63 + ".example", "app", "latest", None),
        ("reg.example/" + "a" * 255, "reg.example", "a" * 255, "latest", None),
        (HEX + ":tag", "docker.io", f"library/{HEX}", "tag", None),
        (" nginx:1 \r\n", "docker.io", "library/nginx", "1", None),
    ],
)
def test_good(text: str, registry: str, repository: str, tag: Optional[str], digest: Optional[str]) -> None:
    """What Docker takes is taken, and means the same."""
    found = Reference.parse(text)
    assert (found.registry, found.repository, found.tag) == (registry, repository, tag)
    assert found.digest == (Digest.parse(digest) if digest else None)
    assert Reference.parse(str(found)) == found
    assert Reference.parse(found.familiar) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        ":",
        "@",
        ":tag",
        "@" + DIGEST,
        "nginx:",
        "nginx@",
        "nginx:@" + DIGEST,
        "/nginx",
        "nginx/",
        "a//b",
        "./nginx",
        "../nginx",
        "../../etc/passwd",
        "reg.example/../app",
        "reg.example/a/../b",
        "reg.example/a/./b",
        "reg.example/a/..",
        "reg.example/%2e%2e/app",
        "reg.example/a\\b",
        "..\\app",
        "Nginx",
        "reg.example/App",
        "org/App:1",
        "Org/app",
        "LOCALHOST/app",
        "-nginx",
        "nginx-",
        "_nginx",
        "nginx_",
        ".nginx",
        "nginx.",
        "a..b",
        "a___b",
        "a_.b",
        "a-_b",
        "a+b",
        "a b",
        "a~b",
        "app:.tag",
        "app:-tag",
        "app:t/ag",
        "app:ta g",
        "app:tag:tag",
        "app:" + "t" * 129,
        "app@sha256:" + HEX[:-1],
        "app@sha256:" + HEX + "0",
        "app@sha256:" + HEX.upper(),
        "app@md5:0123",
        f"app@{DIGEST}@{DIGEST}",
        f"app@{DIGEST}:tag",
        "a" * 256,
        "reg.example/" + "/".join(["ab"] * 86),
        HEX,
        "reg.example:/app",
        "reg.example:0/app",
        "reg.example:65536/app",
        "reg.example:99999999/app",
        "reg.example:-1/app",
        "reg.example:5o00/app",
        "reg.example:٥٠٠٠/app",
        "reg..example/app",
        ".example/app",
        "example./app",
        "-reg.example/app",
        "reg-.example/app",
        "reg_1.example/app",
        "a" * 64 + ".example/app",
        ".".join(["a" * 60] * 5) + "/app",
        "[::1/app",
        "[]/app",
        "[::1]x/app",
        "[::1]:/app",
        "[1.2.3.4]/app",
        "[::g]/app",
        "[::1%25eth0]/app",
        "[::1%eth0]/app",
        "[::1%\r\nX-Evil: 1]/app",
        "[::1%/app",
        "::1/app",
        "https://reg.example/app",
        "docker://nginx",
        "oci:nginx:1:2",
        "user@reg.example/app",
        "reg.example/app?x=1",
        "reg.example/app#x",
        "nginx\n:1",
        "nginx\r\nX-Evil: 1",
        "reg.example\r\n/app",
        "reg.example/a\tb",
        "app:1\n.0",
        "app:1\0",
        "nginx\x1b[31m",
        "nginx\x85",
        "\u2028nginx",
        "nginx\u200b",
        "ｎｇｉｎｘ",
        "nginx:１",
        "reg。example/app",
        "reɡ.example/app",
        "ⓝginx",
        "\u212aube",
        "RE\u212a.example/app",
        "nginx\ud800",
        "🐳",
        "app@sha256:" + "٠" * 64,
    ],
)
@pytest.mark.row(57)
def test_bad(text: str) -> None:
    """What is not in the grammar is refused as usage, on one clean line that says what would be right."""
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    error = caught.value
    assert error.exit_code == 2
    assert len(str(error)) < 700
    assert all(char.isprintable() for char in str(error))


def test_full_width_signs_are_told() -> None:
    """A Chinese keyboard's colon looks like ours: the error has the name as it would be right."""
    for text in ("nginx：1.27", "nginx:１.27", "docker.io／nginx:1.27"):
        with pytest.raises(UsageError, match=r"did you mean nginx:1\.27\?"):
            Reference.parse(text)


def test_what_is_near_is_offered() -> None:
    """Capitals in a name are the commonest slip: the error has the name as it would be right."""
    for text in ("Nginx", "Nginx/app", "app/NGINX:1", "reg.example/Nginx"):
        with pytest.raises(UsageError, match=r"did you mean nginx\?"):
            Reference.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://ann:s3cr3t@reg.example/app",
        "ann:s3cr3t@reg.example/app",
        "ann:p@s3cr3t@reg.example/app",
    ],
)
def test_a_password_is_not_repeated(text: str) -> None:
    """Who types a password into a reference does not find it in a log."""
    with pytest.raises(UsageError) as caught:
        Reference.parse(text)
    assert "s3cr3t" not in str(caught.value)
    assert "reg.example" in str(caught.value)


@pytest.mark.parametrize("part", ["a", "a/", "a-", "-", "a.", "[", ":", "@", "."])
def test_long_text_takes_no_time(part: str) -> None:
    """A megabyte of anything is refused at once."""
    started = time.perf_counter()
    for text in (part * 10**6, part * 10**6 + "/b", "b/" + part * 10**6):
        with pytest.raises(UsageError):
            Reference.parse(text)
    assert time.perf_counter() - started < 2.0


@pytest.mark.parametrize(
    ("text", "familiar", "stem"),
    [
        ("nginx", "nginx:latest", "nginx_latest"),
        ("infiniflow/ragflow:v0.17.0", "infiniflow/ragflow:v0.17.0", "infiniflow_ragflow_v0.17.0"),
        ("ghcr.io/org/app:1.2", "ghcr.io/org/app:1.2", "ghcr.io_org_app_1.2"),
        ("localhost:5000/app", "localhost:5000/app:latest", "localhost_5000_app_latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "___1__5000_app_latest"),
        (f"nginx@{DIGEST}", f"nginx@{DIGEST}", "nginx_0123456789ab"),
        (f"nginx:1@{DIGEST}", f"nginx:1@{DIGEST}", "nginx_1"),
        ("docker.io/library/a/b", "library/a/b:latest", "library_a_b_latest"),
        ("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io_a.b_c_latest"),
        ("docker.io/localhost/c", "docker.io/localhost/c:latest", "docker.io_localhost_c_latest"),
        ("aux", "aux:latest", "aux_latest"),
        ("con.example.org/app:1", "con.example.org/app:1", "_con.example.org_app_1"),
        ("com1.x/nul:1", "com1.x/nul:1", "_com1.x_nul_1"),
        ("console.example.org/app:1", "console.example.org/app:1", "console.example.org_app_1"),
    ],
)
def test_as_people_write_it(text: str, familiar: str, stem: str) -> None:
    """The short form is what a user would type, and never means another image; the stem is a file's name."""
    found = Reference.parse(text)
    assert found.familiar == familiar
    assert found.file_stem == stem
    assert Reference.parse(familiar) == found


def test_a_long_name_still_makes_a_file_name() -> None:
    """The longest name that is allowed fits in a file name with its endings, and two such names differ."""
    names = [Reference.parse("reg.example/" + "a" * 254 + end + ":" + "t" * 128) for end in "ab"]
    assert all(len(name.file_stem) < 200 for name in names)
    assert names[0].file_stem != names[1].file_stem


def test_what_a_registry_is_asked_for() -> None:
    """The digest where there is one, else the tag; pinning fixes the content and keeps the name."""
    tagged = Reference.parse("app:1")
    assert tagged.manifest_name == "1"
    pinned = tagged.pinned(Digest.parse(DIGEST))
    assert pinned.manifest_name == DIGEST
    assert pinned.familiar == f"app:1@{DIGEST}"


@pytest.mark.parametrize(
    "text", ["", "h/", "h:1/", "a b", "h\n", "h:1\n", "ｈ", "h@h", "[::1%1]", "[::1]]", "h:1:1", "*"]
)
def test_bad_hosts(text: str) -> None:
    """A host by itself (a mirror, a token server) is under the same rules, and the error speaks of a registry."""
    with pytest.raises(UsageError, match=r"^registry "):
        parse_host(text)


@pytest.mark.parametrize("text", ["", "a\n", "a/../b", "a/", "é"])
def test_bad_repositories(text: str) -> None:
    """So is a repository by itself."""
    with pytest.raises(UsageError):
        check_repository(text, text)


COMPONENT = st.from_regex(r"[a-z0-9]{1,4}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
HOST = st.from_regex(r"[A-Za-z0-9]{1,8}(?:-[a-z0-9]{1,5})?(?:\.[A-Za-z0-9]{1,8}){1,3}", fullmatch=True)
PORT = st.none() | st.integers(1, 65535)
TAG = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
HEXES = st.none() | st.from_regex(r"[0-9a-f]{64}", fullmatch=True)


@settings(max_examples=100, deadline=None)
@given(st.none() | st.tuples(HOST, PORT), st.lists(COMPONENT, min_size=1, max_size=4), TAG, HEXES)
def test_all_of_the_grammar(host: Optional[tuple], parts: list, tag: Optional[str], hexes: Optional[str]) -> None:
    """Whatever the grammar makes is read, and both of its written forms are read as the same again."""
    domain = "" if host is None else host[0] + (f":{host[1]}" if host[1] else "") + "/"
    text = domain + "/".join(parts) + (f":{tag}" if tag else "") + (f"@sha256:{hexes}" if hexes else "")
    assume(host is not None or len(parts) == 1 or not ("." in parts[0] or parts[0] == "localhost"))
    assume(not (len(text) == 64 and set(text) <= set("0123456789abcdef")))
    found = Reference.parse(text)
    assert found.tag == (tag or (None if hexes else "latest"))
    if domain:
        assert found.registry == domain[:-1].lower()
        assert found.repository == "/".join(parts)
    assert Reference.parse(str(found)) == found
    assert Reference.parse(found.familiar) == found


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="aA0.:/@[]-_%é\n ", max_size=40))
def test_fuzz(text: str) -> None:
    """Any text is a reference that is safe in paths, URLs and headers, or UsageError."""
    try:
        found = Reference.parse(text)
    except UsageError:
        return
    assert Reference.parse(str(found)) == found
    assert set(found.repository) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-/")
    assert ".." not in found.repository
    assert set(found.registry) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-:[]")
    assert all(char.isalnum() or char in "._-" for char in found.file_stem)
