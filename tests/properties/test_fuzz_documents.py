"""Whatever a document says, of a registry, of Docker's configuration, of a user: a value or one of our errors."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any, Callable, List

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.images import make_image, make_index
from support.said import assert_plain, only
from support.thorough import examples

from dockferry.errors import AuthError, ContentError, NotFoundError, ReplyError, UsageError
from dockferry.oci.manifest import Index, parse_config, parse_manifest
from dockferry.oci.platform import Platform
from dockferry.oci.reference import Reference
from dockferry.registry.access import Access
from dockferry.registry.credential_helper import _parse_answer
from dockferry.registry.credentials import CredentialStore
from dockferry.registry.endpoint import Endpoint
from dockferry.registry.repository import _tags_in
from dockferry.registry.token_request import parse_token
from dockferry.transfer.journal import Journal
from dockferry.usecases.inspection import ImageSummary

IMAGE = make_image([100, 50])
INDEX = make_index({"amd64": IMAGE, "arm64": make_image([70], architecture="arm64")})
RUDE = st.sampled_from(
    ["\x1b[31m", "\x07", "\u202e", "\u2028", "\r\n", "\x9b2J", "\ud800", "../../etc", "/", "a" * 3000, "", "sha256:"]
)
_MANIFEST = ["schemaVersion", "mediaType", "MediaType", "config", "layers", "manifests", "digest", "size", "platform"]
_CONFIG = ["os", "architecture", "variant", "annotations", "rootfs", "diff_ids", "created", "Env", "auths", "tags"]
KEYS = st.sampled_from(_MANIFEST + _CONFIG)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=12), RUDE,
    st.sampled_from([IMAGE.media_type, str(IMAGE.digest), INDEX.media_type, 2]),
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | RUDE, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(KEYS | st.integers(0, 2), max_size=4)


def changed(document: Any, path: List[Any], value: Any) -> Any:
    """`document` with `value` where `path` leads, as far as it leads anywhere."""
    if path and isinstance(document, dict) and isinstance(path[0], str):
        return {**document, path[0]: changed(document.get(path[0]), path[1:], value)}
    if path and isinstance(document, list) and document:
        place = path[0] % len(document) if isinstance(path[0], int) else 0
        return [*document[:place], changed(document[place], path[1:], value), *document[place + 1 :]]
    return value


def written(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@examples(300)
@given(
    raw=st.sampled_from([IMAGE.manifest, INDEX.raw]),
    path=PATHS,
    value=JSON,
    header=st.sampled_from(["", IMAGE.media_type, INDEX.media_type, "text/html", "\x1b[2J"]),
)
def test_any_manifest_is_read_or_refused(raw: bytes, path: List[Any], value: Any, header: str) -> None:
    """A manifest or an index with anything in any place of it: read, or ContentError; a platform of it, or none."""
    with only(ContentError, NotFoundError):
        found = parse_manifest(written(changed(json.loads(raw), path, value)), header, "x")
        if isinstance(found, Index):
            found.choose(Platform.parse("linux/arm64"), "x")


@examples(300)
@given(path=PATHS, value=JSON)
def test_any_config_is_read_or_refused(path: List[Any], value: Any) -> None:
    """A config with anything in any place of it: a summary whose words are plain, or ContentError."""
    raw = written(changed(json.loads(IMAGE.blobs[IMAGE.config.digest]), path, value))
    manifest = parse_manifest(IMAGE.manifest, IMAGE.media_type, "x")
    with only(ContentError):
        summary = ImageSummary.of_manifest("x", manifest, parse_config(raw, "x"))  # type: ignore[arg-type]
        assert_plain(summary.platform + summary.created)


AUTH = st.one_of(st.binary(max_size=12).map(lambda raw: base64.b64encode(raw).decode()), st.text(max_size=12), RUDE)
ENTRIES = st.dictionaries(st.sampled_from(["auth", "username", "password", "identitytoken"]), AUTH | JSON, max_size=3)
HOSTS = st.sampled_from(["r.example", "https://r.example/v1/", "docker.io", "R.EXAMPLE:443", "\x1b[2J", "", "///"])
CONFIGS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "auths": st.dictionaries(HOSTS, ENTRIES | JSON, max_size=3) | JSON,
            "credHelpers": st.dictionaries(HOSTS, RUDE | JSON, max_size=2) | JSON,
            "credsStore": RUDE | JSON,
        },
    ).map(written),
    st.binary(max_size=60),
    JSON.map(written),
)


@examples(150)
@given(raw=CONFIGS, host=st.sampled_from(["r.example", "docker.io", "other.example:5000"]))
def test_any_docker_config_gives_a_login_or_none(
    raw: bytes, host: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """config.json with anything in it: credentials fit for a header, or none; problems are plain words."""
    home = tmp_path_factory.getbasetemp()
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_bytes(raw)
    store = CredentialStore(environ={"PATH": ""}, home=home)
    with only():
        found = store.find(host)
    for problem in store.problems:
        assert_plain(problem)
    if found is not None:
        assert_plain(found.basic(), 20_000)


@examples(200)
@given(raw=st.binary(max_size=40) | JSON.map(written) | st.sampled_from([b"[" * 60_000, b"9" * 60_000]))
def test_any_answer_of_a_program_or_server(raw: bytes) -> None:
    """What a credential helper, a token server and a list of tags say: read, or refused in plain words."""
    with only(AuthError):
        _parse_answer(raw.decode("utf-8", "replace"), "helper")
    with only(ReplyError):
        assert_plain(parse_token(raw, "host").value, 65_536)
    with only(ContentError):
        for tag in _tags_in(raw, "x"):
            assert_plain(tag)


_HOST_PARTS = ["r.example", "docker.io", "localhost", "[::1]", ":5000", ":99999", "https://", "user:secret@"]
_NAME_PARTS = ["/", "app", "App", "_", ".", "..", ":", "@", "sha256:" + 64 * "0", "sha512:", "%2e", "?q=1", "#", " "]
NAMES = st.lists(st.sampled_from(_HOST_PARTS) | st.sampled_from(_NAME_PARTS) | RUDE, max_size=8).map("".join)


def reads(parse: Callable[[str], Any], text: str) -> List[str]:
    """What `parse` gives, as texts that are shown or sent; nothing where it refuses `text`."""
    with only(UsageError) as said:
        found = parse(text)
        if isinstance(found, Endpoint):
            return [found.manifest_url("app", "1")]
        return [str(found), found.familiar, found.file_stem]
    assert "user:secret@" not in re.sub("user:secret@(sha|s?h?…)", "", said[0])  # that is a tag and its digest
    return []


@examples(400)
@given(text=NAMES)
def test_any_name_is_a_reference_or_a_usage_error(text: str) -> None:
    """What a user types: safe in a path, a URL and a header, or UsageError, which shows no login."""
    for parse in (Reference.parse, lambda text: Endpoint.of_mirror(text, Access())):
        for shown in reads(parse, text):
            assert_plain(shown, 4000)
            assert shown.isascii()
            assert ".." not in shown.split("/")
            assert "user:secret@" not in shown.replace("user:secret@sha", "")
    with only(UsageError):
        Platform.parse(text)


NUMBERS = st.one_of(
    st.integers(-3, 120).map(str), st.sampled_from(["", "1e9", "9" * 25, "999999999999999999", "²", "x"])
)
LINES = st.one_of(
    st.builds("h {} {} {}".format, st.integers(-1, 3), NUMBERS, NUMBERS),
    st.builds("d {}".format, NUMBERS),
    st.builds("s {}".format, NUMBERS),
    st.text(max_size=20),
)


@examples(200)
@given(lines=st.lists(LINES, max_size=20), boot=st.sampled_from(["b1", "b2", "-"]), tail=st.binary(max_size=20))
def test_any_lines_of_a_journal_are_claims_or_nothing(
    lines: List[str], boot: str, tail: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whole lines, right checksums and all, that say anything: what is recovered can be written down again."""
    path = tmp_path_factory.getbasetemp() / "a.part.journal"
    raws = [text.encode("utf-8", "surrogatepass") for text in ["dockferry-journal 1 plan b1", *lines]]
    path.write_bytes(b"".join(b"%08x %s\n" % (zlib.crc32(raw), raw) for raw in raws) + tail)
    with only():
        found = Journal.recover(path, "plan", 3, boot)
    if found.is_known:
        assert all(
            set(synced) <= set(had) or synced.total <= had.total for synced, had in zip(found.synced, found.had)
        )
        Journal.create(path, "plan", found, boot).close()
        again = Journal.recover(path, "plan", 3, boot)
        assert again.had == found.had
        assert again.synced == found.synced
