"""Imports only go down, heavy libraries are paid for by those who use them, and Python 3.8 can read it all."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

import dockferry

ROOT = Path(dockferry.__file__).parent

# What may import what (docs/design.md, "Layers"). A module belongs to the longest name here that its path
# begins with; the package itself is the row without a name.
BASE = {"choices", "errors", "events", "guess", "itself", "message", "text", "_version"}
LOW = BASE | {"system"}
LAYERS: Dict[str, Set[str]] = {
    "choices": BASE,
    "errors": BASE,
    "events": BASE,
    "guess": BASE,
    "itself": set(),
    "message": set(),
    "text": BASE,
    "_version": set(),
    "system": LOW,
    "oci": LOW | {"oci"},
    "transfer.protocols": LOW | {"oci"},
    "archive": LOW | {"oci", "transfer.protocols", "archive"},
    "registry": LOW | {"oci", "transfer.protocols", "registry"},
    "transfer": LOW | {"oci", "transfer.protocols", "transfer"},
    "serve": LOW | {"oci", "archive", "serve"},
    "usecases": LOW | {"oci", "transfer.protocols", "archive", "registry", "transfer", "usecases"},
    "demo": LOW | {"oci", "serve", "demo"},
    "config": LOW | {"oci", "registry", "transfer", "config"},
    "cli": LOW | {"oci", "config", "archive", "registry", "transfer", "usecases", "demo", "cli"},
    "__main__": {"cli"},
    "": LOW | {"oci", "registry", "transfer", "usecases"},
}

# Libraries that cost start-up time, and the layers that may import them as they are loaded themselves. Everybody
# may import them inside a function, or for the type checker alone.
HEAVY: Dict[str, Set[str]] = {
    "urllib3": {"registry"},
    "ssl": {"registry"},
    "http.client": {"registry", "serve"},
    "filelock": set(),
    "rich": set(),
    "shtab": set(),
}

# What a pure module has no use for. Kinds of errors, as `socket` and `ssl` have them, are values.
NOT_PURE = {"mmap", "os", "pathlib", "queue", "random", "select", "shutil", "subprocess", "threading", "time"}

Sources = Dict[str, str]
"""Source text by dotted name within the package: `oci.digest`; a package's own module by the package's name."""


def read_sources() -> Sources:
    found: Sources = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


def layer_of(name: str) -> str:
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        if ".".join(parts[:size]) in LAYERS:
            return ".".join(parts[:size])
    return ""


def imports_of(tree: ast.Module) -> Iterator[Tuple[ast.stmt, bool]]:
    """Each import statement, and whether it is run when the module is loaded."""

    def walk(node: ast.AST, at_load: bool) -> Iterator[Tuple[ast.stmt, bool]]:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, at_load
        inner = at_load and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            inner = False
        for child in ast.iter_child_nodes(node):
            yield from walk(child, inner)

    return walk(tree, True)


def targets_of(node: ast.stmt, name: str, is_package: bool, sources: Sources) -> List[Tuple[str, bool]]:
    """The modules that an import statement in `name` means: each with whether it is our own."""
    if isinstance(node, ast.Import):
        return [_own_or_not(alias.name, sources) for alias in node.names]
    assert isinstance(node, ast.ImportFrom)
    start = node.module or ""
    if node.level:
        parts = name.split(".") if name else []
        keep = len(parts) - node.level + (1 if is_package else 0)
        start = ".".join(["dockferry", *parts[:keep], *([node.module] if node.module else [])])
    return [_own_or_not(f"{start}.{alias.name}", sources) for alias in node.names]


def _own_or_not(full: str, sources: Sources) -> Tuple[str, bool]:
    """`full` may end in a name inside a module: for our own, the module is found."""
    first, _, rest = full.partition(".")
    if first != "dockferry":
        return full, False
    while rest and rest not in sources:
        rest = rest.rpartition(".")[0]
    return rest, True


def faults(sources: Sources, packages: Set[str]) -> List[str]:
    """Every import that breaks a rule, one line each."""
    found: List[str] = []
    for name, text in sources.items():
        layer = layer_of(name)
        for node, at_load in imports_of(ast.parse(text)):
            for target, is_own in targets_of(node, name, name in packages, sources):
                place = f"{name or 'dockferry'}:{node.lineno}"
                if is_own and not _may_import(layer, name, target):
                    found.append(f"{place} ({layer}) imports {target or 'dockferry'} ({layer_of(target)})")
                for heavy, allowed in HEAVY.items():
                    is_heavy = not is_own and f"{target}.".startswith(f"{heavy}.")
                    if is_heavy and at_load and layer not in allowed:
                        found.append(f"{place} ({layer}) imports {heavy} while it is loaded")
    return found


def _may_import(layer: str, name: str, target: str) -> bool:
    if name == target or (target == "" and layer in ("cli", "__main__")):
        return True
    return layer_of(target) in LAYERS[layer]


def packages_on_disk() -> Set[str]:
    inits = ROOT.rglob("__init__.py")
    return {".".join(path.parent.relative_to(ROOT).parts) for path in inits}


def test_imports_only_go_down() -> None:
    """No module imports what stands above it; archive and registry know nothing of each other."""
    assert faults(read_sources(), packages_on_disk()) == []


@pytest.mark.parametrize(
    ("name", "text", "is_fault"),
    [
        ("oci.digest", "from ..errors import ContentError", False),
        ("oci.digest", "from ..archive import plan", True),
        ("oci.digest", "from .. import archive", True),
        ("oci.digest", "from dockferry.registry.realm import x", True),
        ("oci.digest", "import dockferry.cli.main", True),
        ("oci.digest", "def f():\n    from ..transfer.engine import x", True),
        ("archive.plan", "from ..oci.digest import Digest", False),
        ("archive.plan", "from ..transfer.protocols import Source", False),
        ("archive.plan", "from ..transfer.engine import x", True),
        ("archive.plan", "from ..transfer import engine", True),
        ("archive.plan", "from ..registry.realm import x", True),
        ("registry.realm", "from ..archive.plan import x", True),
        ("registry.realm", "from . import tokens", False),
        ("transfer.engine", "from .protocols import Source", False),
        ("transfer.engine", "from ..registry.realm import x", True),
        ("transfer.engine", "from ..archive.plan import x", True),
        ("transfer.protocols", "from .engine import x", True),
        ("errors", "from .oci.digest import Digest", True),
        ("text", "from .errors import DockferryError", False),
        ("usecases.pull", "from ..archive.plan import x\nfrom ..registry.realm import x", False),
        ("usecases.pull", "from .verify import x", False),
        ("usecases.pull", "from ..cli.main import x", True),
        ("usecases.pull", "from ..serve import serve", True),
        ("demo.story", "from ..usecases.pull import pull", True),
        ("", "from .usecases.pull import pull", False),
        ("", "from .cli.main import main", True),
        ("cli.main", "from .. import __version__, pull", False),
        ("registry", "from .realm import x", False),
        ("registry", "from ..archive.plan import x", True),
        ("registry.transport", "import urllib3, ssl, http.client", False),
        ("archive.plan", "import urllib3", True),
        ("usecases.pull", "from urllib3.util import retry", True),
        ("usecases.pull", "import http.client", True),
        ("usecases.pull", "from http import client", True),
        ("usecases.pull", "from http import HTTPStatus", False),
        ("registry.realm", "from filelock import FileLock", True),
        ("usecases.target", "def f():\n    from filelock import FileLock", False),
        ("cli.bar", "import rich.progress", True),
        ("cli.bar", "class Bar:\n    from rich import progress", True),
        ("cli.bar", "if True:\n    import shtab", True),
        ("cli.bar", "import richer", False),
        ("cli.bar", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rich", False),
    ],
)
def test_the_rules_bite(name: str, text: str, is_fault: bool) -> None:
    """Each rule finds the import that breaks it and leaves its neighbour alone."""
    names = "errors text oci oci.digest transfer transfer.protocols transfer.engine archive archive.plan registry"
    more = "registry.realm registry.tokens registry.transport usecases usecases.pull usecases.verify usecases.target"
    top = "serve demo demo.story cli cli.main cli.bar"
    sources: Sources = dict.fromkeys(["", *names.split(), *more.split(), *top.split()], "")
    sources[name] = text
    found = faults(sources, {"", "oci", "transfer", "archive", "registry", "usecases", "serve", "demo", "cli"})
    assert len(found) == (1 if is_fault else 0), found


# How a module asks which system it is on, which is for `system` alone.
SYSTEMS = {"sys.platform", "os.name", "platform.system", "os.uname", "platform.platform"}
ONE_SYSTEMS = {"ctypes", "fcntl", "grp", "msvcrt", "pwd", "resource", "termios", "winreg", "_winapi"}


def questions(text: str) -> List[str]:
    """Each place in a module's text that asks which system it is, or looks whether a call is there."""
    found: List[str] = []
    for node in ast.walk(ast.parse(text)):
        asked = ""
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = f"{node.value.id}.{node.attr}"
            asked = asked if asked in SYSTEMS else ""
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("hasattr", "getattr")
        ):
            first = node.args[0]
            asked = first.id if isinstance(first, ast.Name) and first.id in ("os", "signal", "socket") else ""
        elif isinstance(node, ast.Import):
            asked = " ".join(alias.name for alias in node.names if alias.name in ONE_SYSTEMS)
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
            is_own = node.level > 0 and names[0] in ("system", "system.kind", "system.windows_calls")
            asked = " ".join(
                name for name in names if name in ONE_SYSTEMS or (is_own and name not in ("disk", "system"))
            )
        if asked:
            found.append(f"{getattr(node, 'lineno', 0)}: {asked}")
    return found


def test_only_system_asks_which_system_it_is() -> None:
    """What differs between systems has its ways in `system`, where tests reach all of them."""
    above = {name: text for name, text in read_sources().items() if layer_of(name) != "system"}
    assert {name: questions(text) for name, text in above.items() if questions(text)} == {}


@pytest.mark.parametrize(
    ("text", "is_question"),
    [
        ("import sys\nif sys.platform == 'win32': pass", True),
        ("import os\nx = os.name", True),
        ("import os\nx = hasattr(os, 'pwrite')", True),
        ("import os\nx = getattr(os, 'O_BINARY', 0)", True),
        ("def f():\n    import fcntl", True),
        ("from ctypes import wintypes", True),
        ("from ..system.kind import WINDOWS", True),
        ("from ..system import kind", True),
        ("import os\nx = os.path.join('a', os.sep)", False),
        ("x = getattr(error, 'winerror', None)", False),
        ("from ..system import disk\nfrom ..system.lock import only_one", False),
    ],
)
def test_a_question_is_found(text: str, is_question: bool) -> None:
    """Whatever way it is put in."""
    assert bool(questions(text)) == is_question


def rows_of_the_design() -> Dict[str, str]:
    """The table of concepts in docs/design.md: by package, its modules."""
    text = (ROOT.parents[1] / "docs" / "design.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `(\w+)/` \| (.*) \|$", text, re.MULTILINE))


def test_the_design_names_every_module() -> None:
    """A package that has a row there has all of its modules in it, each once, and no others."""
    rows = rows_of_the_design()
    assert {"system", "transfer", "archive", "registry", "usecases"} <= rows.keys()
    for package, row in rows.items():
        modules = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
        assert sorted(re.findall(r"`(\w+)`", row)) == sorted(modules), package


def test_pure_modules_do_no_io() -> None:
    """What the design counts as pure takes no lock, looks at no clock, and has no way to files, threads or luck."""
    sources = read_sources()
    for package, row in rows_of_the_design().items():
        for module in re.findall(r"`(\w+)`", row.partition(" · ")[0]):
            for node, _ in imports_of(ast.parse(sources[f"{package}.{module}"])):
                for target, is_own in targets_of(node, f"{package}.{module}", False, sources):
                    assert is_own or target.partition(".")[0] not in NOT_PURE, f"{package}.{module}: {target}"


@pytest.mark.parametrize("name", sorted(read_sources()))
def test_python_38_can_read_it(name: str) -> None:
    """No syntax that is newer than the oldest Python we run on."""
    ast.parse(read_sources()[name], feature_version=(3, 8))
