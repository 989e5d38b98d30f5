"""Challenges are read as RFC 9110 writes them, and garbage gives none."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockferry.registry.challenge import MAX_PARAMETERS, Challenge, choose_challenge, parse_challenges

HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
    'scope="repository:library/nginx:pull",error="invalid_token"'
)


def parse(*values: str) -> list:
    return list(parse_challenges(values))


def one(value: str) -> Challenge:
    (found,) = parse_challenges([value])
    return found


def test_docker_hub() -> None:
    """The commonest challenge of all gives realm, service and scope."""
    found = one(HUB)
    assert found.scheme == "bearer"
    assert found.get("realm") == "https://auth.docker.io/token"
    assert found.get("service") == "registry.docker.io"
    assert found.get("scope") == "repository:library/nginx:pull"
    assert found.get("absent") == ""


def test_commas_inside_quotes_separate_nothing() -> None:
    """`pull,push` in quotes is one value."""
    assert one('Bearer scope="repository:a:pull,push",realm="https://h/"').get("scope") == "repository:a:pull,push"


def test_escapes_in_quotes() -> None:
    """A backslash takes the next character as it is."""
    assert one(r'Basic realm="say \"hi, there\" \\ \x"').get("realm") == r'say "hi, there" \ x'


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer", "bEaReR"])
def test_scheme_and_names_in_any_case(scheme: str) -> None:
    """Schemes and parameter names are the same in any case; values keep theirs."""
    assert one(f'{scheme} REALM="https://H/T"') == Challenge("bearer", (("realm", "https://H/T"),))


@pytest.mark.row("auth")
def test_basic_in_capitals() -> None:
    """Nexus writes BASIC."""
    assert choose_challenge(parse('BASIC realm="Sonatype Nexus Repository Manager"')).scheme == "basic"


def test_several_in_one_value() -> None:
    """The comma before a name that no `=` follows starts another challenge."""
    found = parse('Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"')
    assert [challenge.scheme for challenge in found] == ["newauth", "basic"]
    assert found[0].parameters == (("realm", "apps"), ("type", "1"), ("title", 'Login to "apps"'))


def test_several_values() -> None:
    """Header lines add up."""
    assert [challenge.scheme for challenge in parse("Negotiate", 'Basic realm="x"', HUB)] == [
        "negotiate",
        "basic",
        "bearer",
    ]


@pytest.mark.parametrize(
    "value",
    [
        "Negotiate YWJjZA==, Basic realm=x",
        "Negotiate, Basic realm=x",
        "Negotiate ,, , Basic realm=x,",
        "NTLM\t,\tBasic\trealm = x",
        ", Negotiate abc/+-._~, Basic realm=\tx ",
    ],
)
def test_token68_and_empty_list_elements(value: str) -> None:
    """A scheme alone, one with a token68, and stray commas are all in the grammar."""
    found = parse(value)
    assert len(found) == 2
    assert found[1] == Challenge("basic", (("realm", "x"),))


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ",",
        "=",
        'realm="no scheme"',
        'Bearer realm="unclosed',
        'Bearer realm="unclosed\\"',
        'Bearer realm="a"b',
        'Bearer realm="a" service="no comma"',
        'Bearer realm="a",realm="b"',
        'Bearer realm="a",REALM="b"',
        "Bearer realm=https://unquoted/",
        'Bearer realm="line\nbreak"',
        'Bearer realm="a"\r\nX: y',
        'Bearer realm="nul\0"',
        'Bearer realm="a",=b',
        'Bearer realm="a",,=',
        "Negotiate abc==, realm=x",
        "Bearer a b",
        "Bäsic realm=x",
        'Bearer realm="' + "a" * 9000 + '"',
    ],
)
def test_garbage_gives_none(value: str) -> None:
    """One fault, and nothing of that value is believed."""
    assert parse(value) == []


def test_garbage_beside_a_good_value() -> None:
    """A value that is garbage takes nothing from another."""
    assert choose_challenge(parse('Bearer realm="broken', HUB)).get("realm") == "https://auth.docker.io/token"


def test_bearer_before_basic() -> None:
    """Bearer is chosen wherever it stands, unless it has no realm."""
    assert choose_challenge(parse('Basic realm="x"', HUB)).scheme == "bearer"
    assert choose_challenge(parse(HUB + ', Basic realm="x"')).scheme == "bearer"
    assert choose_challenge(parse('Bearer realm="", Basic realm="x"')).scheme == "basic"
    assert choose_challenge(parse("Negotiate", "Bearer")) is None
    assert choose_challenge([]) is None


@pytest.mark.parametrize(
    "value",
    [
        "a " * 4096,
        "a," * 4096,
        " " * 8192,
        "a" * 8192,
        'Bearer realm="' + "\\" * 8000,
        "Bearer " + ",".join(f"p{n}=v" for n in range(1000)),
        "x =" * 2700,
        '="' * 4096,
    ],
)
def test_long_garbage_takes_no_time(value: str) -> None:
    """Sixteen of the longest values that are looked at are judged in well under a second of a processor's time."""
    started = time.process_time()
    parse_challenges([value] * 1000)
    assert time.process_time() - started < 1.0


def test_parameters_are_bounded() -> None:
    """A challenge has a handful of parameters, not thousands."""
    fits = "Bearer " + ",".join(f"p{n}=v" for n in range(MAX_PARAMETERS))
    assert len(one(fits).parameters) == MAX_PARAMETERS
    assert parse(fits + ",more=v") == []


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=4))
def test_fuzz_any_text(values: list) -> None:
    """Whatever text comes, the parser answers and raises nothing."""
    choose_challenge(parse_challenges(values))


PIECES = st.sampled_from(
    ["Bearer", "Basic", "realm", "scope", "=", ",", '"', "\\", " ", "\t", "abc==", "x", "\r\n", "é", "https://h/"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_fuzz_near_the_grammar(value: str) -> None:
    """Text made of the grammar's own pieces never raises, and what it gives has clean values."""
    for challenge in parse_challenges([value]):
        assert challenge.scheme == challenge.scheme.lower()
        for name, text in challenge.parameters:
            assert name == name.lower()
            assert "\r" not in text
            assert "\n" not in text


TOKENS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, blacklist_characters="\x7f"), max_size=30)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(TOKENS, st.dictionaries(TOKENS, TEXTS, max_size=4)), min_size=1, max_size=4))
def test_what_is_written_by_the_grammar_is_read(wanted: list) -> None:
    """Any challenges, quoted and joined as the RFC says, come back as they were."""

    def quote(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    value = ", ".join(
        scheme + (" " if pairs else "") + ", ".join(f"{name}={quote(text)}" for name, text in pairs.items())
        for scheme, pairs in wanted
    )
    assert parse(value) == [Challenge(scheme, tuple(pairs.items())) for scheme, pairs in wanted]
