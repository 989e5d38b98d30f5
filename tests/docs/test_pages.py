"""The pages say what the program does, each in both languages."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Tuple

import pytest
from support.pages import DOCS, ENGLISH_ALONE, ROOT, blocks, chinese, commands, documents, english_pages

import dockferry
from dockferry.cli import parser
from dockferry.config.document import parse_document
from dockferry.errors import DockferryError

_HEADING = re.compile(r"^(#{1,3}) ", re.MULTILINE)
_FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?![\w.])|(?<![\w.])\d+ of \d+")
_QUOTED = re.compile(r"docs/(?:performance|reliability)\.md|(?:performance|reliability)\.md")


def outline(page: Path) -> List[str]:
    """The levels of a page's headings, in order."""
    return _HEADING.findall(_FENCED.sub("", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", english_pages(), ids=lambda page: page.name)
def test_a_page_is_there_in_both_languages(page: Path) -> None:
    """With the same headings, level by level, so that neither says less; or it is one of those for developers."""
    other = chinese(page)
    if page.name in ENGLISH_ALONE:
        assert not other.exists(), f"{other.name} is there: take {page.name} from ENGLISH_ALONE"
        return
    assert other.exists()
    assert outline(page) == outline(other)
    assert re.search("[\u4e00-\u9fff]", other.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(name for name in documents() if name.endswith((".zh.md", ".zh-CN.md"))))
def test_no_line_ends_within_a_chinese_sentence(name: str) -> None:
    """It would be shown as a gap between two characters: a paragraph there is one line, or ends lines at marks."""
    gaps = re.findall(
        "[\u4e00-\u9fff]\n +?[\u4e00-\u9fff]|[\u4e00-\u9fff]\n[\u4e00-\u9fff]", _FENCED.sub("", documents()[name])
    )
    assert not gaps


@pytest.mark.parametrize(
    "page", [*sorted(DOCS.glob("*.zh.md")), ROOT / "README.zh-CN.md"], ids=lambda page: page.name
)
def test_a_chinese_page_leads_to_chinese_ones(page: Path) -> None:
    """Wherever there is one: the sources are read too, where nothing turns a link into that of another language."""
    links = [page.parent / link for link in re.findall(r"\]\((?!http)([^)#]+\.md)", page.read_text(encoding="utf-8"))]
    known = {link for link in links if not link.name.endswith(".zh.md") and chinese(link).exists()}
    assert known == set()


def test_no_chinese_page_stands_alone() -> None:
    """Each has an English one."""
    assert {page.name for page in DOCS.glob("*.zh.md")} <= {chinese(page).name for page in english_pages()}


@pytest.mark.parametrize("name", sorted(documents()))
def test_every_command_on_a_page_is_understood(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real parser takes it: no example has an option, a command or a form that is not there."""
    monkeypatch.chdir(tmp_path)
    for words in commands(documents()[name]):
        for word in words:
            if word.endswith((".pem", ".crt")):  # the parser looks whether it is there
                Path(tmp_path, Path(word.rpartition("=")[2]).name).touch()
        here = [Path(word).name if word.endswith((".pem", ".crt")) else word for word in words]
        try:
            parser.parse(here)
        except SystemExit:  # argparse leaves so after --help and --version
            continue
        except DockferryError as error:
            pytest.fail(f"{name}: dockferry {' '.join(words)}: {error}")


def test_the_pages_have_commands() -> None:
    """So that the test above tests something: most pages show how it is done."""
    with_commands = [name for name, text in documents().items() if any(commands(text))]
    assert len(with_commands) > 20
    assert sum(1 for text in documents().values() for _ in commands(text)) > 100


def test_commands_are_found_as_they_are_typed() -> None:
    """In a shell's block, after a prompt, in a substitution, over several lines; not in prose."""
    text = (
        "Say `dockferry nothing` in prose.\n```bash\n"
        'docker load -i "$(dockferry pull -q redis:7)"\n'
        "$ dockferry pull a \\\n    -t 3 # why\n"
        'echo "$T" | python3 dockferry.pyz tags b\n'
        "cp dockferry elsewhere\n"
        'dockferry pull a -o "my images/a.tar" && ~/bin/dockferry verify c\n```\n```text\ndockferry no\n```\n'
    )
    assert list(commands(text)) == [
        ["pull", "-q", "redis:7"],
        ["pull", "a", "-t", "3"],
        ["tags", "b"],
        ["pull", "a", "-o", "my images/a.tar"],
        ["verify", "c"],
    ]


@pytest.mark.parametrize("name", sorted(documents()))
def test_settings_on_a_page_are_understood(name: str) -> None:
    """Every piece of a configuration file is read by the real reader, in whichever document it stands."""
    for block in blocks(documents()[name], "toml"):
        assert parse_document(block, name)


@pytest.mark.parametrize("name", sorted(documents()))
def test_programs_on_a_page_are_understood(name: str) -> None:
    """Names that they import are public, and calls of ours have arguments that are there."""
    for block in blocks(documents()[name], "python"):
        tree = ast.parse(block)
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "dockferry"]
        ours = {alias.name for node in imports for alias in node.names}
        assert ours <= set(dockferry.__all__), f"{name}: {ours}"
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ours:
                known = inspect.signature(getattr(dockferry, call.func.id)).parameters
                assert {word.arg for word in call.keywords} <= set(known), f"{name}: {ast.dump(call)}"


def test_the_pages_have_settings_and_programs() -> None:
    """So that the two tests above test something."""
    texts = documents().values()
    assert sum(1 for text in texts for _ in blocks(text, "toml")) >= 8
    assert sum(1 for text in texts for _ in blocks(text, "python")) >= 10


def test_events_are_the_same_in_both_languages() -> None:
    """Kind by kind, field by field; that the English page is whole another test says."""
    told = [re.findall(r"^(?:### (\w+)|\| `(\w+)` \|)", documents()[f"docs/{name}"], re.MULTILINE)
            for name in ("events.md", "events.zh.md")]  # fmt: skip
    assert told[0] == told[1]
    assert len(told[0]) > 50


def quoted() -> Iterator[Tuple[str, str, str]]:
    """Rows of tables that name performance.md or reliability.md: document, source, row."""
    for name, text in documents().items():
        for row in re.findall(r"^\|.*\|$", text, re.MULTILINE):
            for source in sorted(set(_QUOTED.findall(row.rpartition("](")[2]))):
                yield name, Path(source).name, row


def test_numbers_are_quoted_as_they_were_measured() -> None:
    """A row that points to performance.md or reliability.md has no number that does not stand there."""
    rows = [row for row in quoted() if Path(row[0]).name not in ("performance.md", "reliability.md")]
    assert len(rows) >= 10
    for name, source, row in rows:
        text = (DOCS / source).read_text(encoding="utf-8")
        numbers = _NUMBER.findall(row)
        for number in numbers:
            assert re.search(rf"(?<![\d.]){re.escape(number)}(?![\d])", text), f"{name}: {source} has no {number}"
    assert sum(len(_NUMBER.findall(row)) for _, _, row in rows) >= 20


@pytest.mark.parametrize("name", sorted(documents()))
def test_links_to_files_lead_somewhere(name: str) -> None:
    """Every relative link of a document, pictures too, is a file of the checkout."""
    text = _FENCED.sub("", documents()[name])
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text)
    for link in links:
        path = link.partition("#")[0]
        if path and "://" not in path and not path.startswith("mailto:"):
            assert (ROOT / name).parent.joinpath(path).exists(), f"{name}: {link}"


def test_the_command_reference_is_that_of_the_program(tmp_path: Path) -> None:
    """`make reference` would change nothing, in either language."""
    subprocess.run([sys.executable, ROOT / "scripts/reference.py", tmp_path], check=True, timeout=60)
    for made in sorted(tmp_path.iterdir()):
        shown = (DOCS / made.name).read_text(encoding="utf-8")
        assert shown == made.read_text(encoding="utf-8"), f"docs/{made.name} is stale: make reference"
    assert sorted(made.name for made in tmp_path.iterdir()) == ["reference.md", "reference.zh.md"]
