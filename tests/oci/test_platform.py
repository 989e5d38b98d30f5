"""Platforms: the names of people, machines and Go made one, and which image runs where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockferry.errors import ContentError, UsageError
from dockferry.oci.platform import Platform


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("linux/amd64", "linux/amd64"),
        ("amd64", "linux/amd64"),
        ("x86_64", "linux/amd64"),
        ("X64", "linux/amd64"),
        ("Linux/AMD64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("arm64", "linux/arm64"),
        ("aarch64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("arm/v6", "linux/arm/v6"),
        ("ARM64/V8", "linux/arm64"),
        ("aarch64/v9", "linux/arm64/v9"),
        ("linux/386", "linux/386"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("armhf", "linux/arm/v7"),
        ("armel", "linux/arm/v6"),
        ("armv6l", "linux/arm/v6"),
        ("armv8l", "linux/arm/v7"),
        ("i686", "linux/386"),
        ("loongarch64", "linux/loong64"),
        ("riscv64", "linux/riscv64"),
        ("windows/amd64", "windows/amd64"),
        ("macos/arm64", "darwin/arm64"),
        (" linux/arm64\n", "linux/arm64"),
    ],
)
def test_names(text: str, wanted: str) -> None:
    """All names of a platform give one value, and its own name gives it again."""
    found = Platform.parse(text)
    assert str(found) == wanted
    assert Platform.parse(wanted) == found
    assert Platform.from_json(found.to_json(), "x") == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "linux/",
        "/amd64",
        "linux//v7",
        "linux/arm/v7/x",
        "linux/arm v7",
        "linux",
        "Windows",
        "linux/../amd64",
        "linux/..",
        "li\nnux/amd64",
        "linux/amd64\0",
        "linux/ａmd64",
        "linux/\u212aube",
        "a" * 65,
        "linux/amd64\x1b[0m",
        "linux\\amd64",
        "amd64,arm64",
    ],
)
def test_bad_names(text: str) -> None:
    """What is no platform is refused as usage, with the form that would be one."""
    with pytest.raises(UsageError, match="--platform OS/ARCH") as caught:
        Platform.parse(text)
    assert all(char.isprintable() for char in str(caught.value))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "linux/amd64",
        {"os": 7},
        {"os": "linux", "architecture": ["amd64"]},
        {"os": "linux", "architecture": "amd64", "variant": 7},
        {"os": "../..", "architecture": "amd64"},
        {"os": "linux", "architecture": "amd64\n"},
        {"os": "linux", "architecture": "\u202eamd64"},
        {"os": "linux", "architecture": "a" * 65},
        {"os": "\u212aube", "architecture": "amd64"},
        {"os": False, "architecture": "amd64"},
    ],
)
def test_bad_json(value: object) -> None:
    """What a document calls a platform is strings of the same letters, or the document is refused by name."""
    with pytest.raises(ContentError, match=r"^index: ") as caught:
        Platform.from_json(value, "index")
    assert all(char.isprintable() for char in str(caught.value))


@pytest.mark.parametrize(
    "value",
    [
        {"os": "linux", "architecture": "arm64", "variant": None, "os.version": "1"},
        {"os": "Linux", "architecture": "ARM64"},
    ],
)
def test_json_as_go_takes_it(value: object) -> None:
    """null is absent, capitals are no difference, unknown keys are passed over."""
    assert Platform.from_json(value, "x") == Platform("linux", "arm64")


@pytest.mark.parametrize(
    ("machine", "image", "runs"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/amd64/v1", True),
        ("linux/amd64", "linux/amd64/v2", False),
        ("linux/amd64/v3", "linux/amd64/v2", True),
        ("linux/amd64/v3", "linux/amd64", True),
        ("linux/arm/v7", "linux/arm/v6", True),
        ("linux/arm/v7", "linux/arm/v5", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64/v9", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v9", False),
        ("linux/arm64", "linux/arm/v7", False),
        ("linux/arm64", "darwin/arm64", False),
        ("linux/amd64", "windows/amd64", False),
        ("linux/amd64", "linux/386", False),
        ("linux/mips64le", "linux/mips64le/softfloat", False),
    ],
)
def test_runs(machine: str, image: str, runs: bool) -> None:
    """An older variant runs on a newer machine, never the reverse; another architecture or system never."""
    assert bool(Platform.parse(machine).runs(Platform.parse(image))) is runs


def test_the_nearest_variant_runs_best() -> None:
    """The same variant is better than any older one, and of the older ones the newest."""
    for newest in ("v7", "v1000"):
        machine = Platform("linux", "arm", newest)
        scores = [machine.runs(Platform("linux", "arm", variant)) for variant in ("v5", "v6", newest)]
        assert scores == sorted(scores)
        assert scores[-1] > scores[-2]
    assert Platform("linux", "arm", "v1000").runs(Platform("linux", "arm", "v999")) < 100


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("amd64", "amd64"),
        ("arm64", "arm64"),
        ("arm/v7", "armv7"),
        ("linux/arm/v7", "armv7"),
        ("windows/amd64", "windows-amd64"),
    ],
)
def test_in_file_names(text: str, part: str) -> None:
    """Linux is not named in a file's name, other systems are."""
    assert Platform.parse(text).file_part == part


def test_of_host() -> None:
    """This machine's platform is Linux on a known architecture, and has a name that parses."""
    found = Platform.of_host()
    assert found.os == "linux"
    assert Platform.parse(str(found)) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=30) | st.text(alphabet="linuxarmv78/ \n", max_size=20),
    st.dictionaries(st.sampled_from(["os", "architecture", "variant"]), JSON),
)
def test_fuzz(text: str, value: dict) -> None:
    """Any text is a platform or UsageError, any JSON one or ContentError; what comes is stable."""
    try:
        found = Platform.parse(text)
        assert Platform.parse(str(found)) == found
    except UsageError:
        pass
    try:
        found = Platform.from_json(value, "x")
        assert Platform.from_json(found.to_json(), "x") == found
        assert found.runs(found) == 100
    except ContentError:
        pass
