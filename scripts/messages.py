#!/usr/bin/env python3
"""What dockferry says, gathered from its source, and the catalogs that say it in other languages.

    python scripts/messages.py update     # gather, merge into the catalogs, compile them
    python scripts/messages.py check      # say what is missing, stale or wrong; exit 1 if anything is

A template is a constant that stands where a message is made: the first argument of `say`, `Message`, an error or
`Warned`, a `remedy`, a help text. A constant that goes another way is marked by `Message(...)`.
"""

from __future__ import annotations

import ast
import datetime
import io
import string
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple, Union

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "dockferry"
CATALOGS = SOURCE / "locale"
DOMAIN = "dockferry"
LANGUAGES = ("zh_CN",)
_BEGUN = datetime.datetime(2026, 11, 24, tzinfo=datetime.timezone.utc)
_HEADER: Dict[str, Any] = {
    "header_comment": "# What dockferry says. Made and merged by scripts/messages.py.",
    "project": DOMAIN,
    "version": "1",
    "copyright_holder": "",
    "msgid_bugs_address": "none",
    "last_translator": "none",
    "language_team": "none",
    "creation_date": _BEGUN,  # the day of the run would change the file each time
    "revision_date": _BEGUN,
    "fuzzy": False,
}

_KEYWORDS = {"remedy", "help", "description", "epilog", "title"}
_FIRST = {"Message", "say", "Warned", "add_argument_group"}
_ALL = {"_bad", "_bad_host", "_no_certificates"}
"""Our helpers that make errors: all their constants are messages."""

_ERRORS = {node.name for node in ast.parse((SOURCE / "errors.py").read_text()).body if isinstance(node, ast.ClassDef)}

OUTSIDE = (
    # argparse
    "the following arguments are required: %s",
    "expected one argument",
    "expected at least one argument",
    "not allowed with argument %s",
    "ignored explicit argument %r",
    "argument %(argument_name)s: %(message)s",
    "usage: ",
    # the system, as errors give its words: as they are, or in small letters
    "Connection refused",
    "connection refused",
    "Connection reset by peer",
    "connection reset by peer",
    "Connection timed out",
    "connection timed out",
    "File exists",
    "File name too long",
    "File too large",
    "Input/output error",
    "Is a directory",
    "Name or service not known",
    "Network is unreachable",
    "network is unreachable",
    "No address associated with hostname",
    "No route to host",
    "no route to host",
    "No space left on device",
    "No such file or directory",
    "Not a directory",
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "Remote end closed connection without response",
    "Temporary failure in name resolution",
    "Too many open files",
    "timed out",
    "getaddrinfo failed",
    "nodename nor servname provided, or not known",
    # OpenSSL
    "certificate has expired",
    "self signed certificate",
    "self signed certificate in certificate chain",
    "self-signed certificate",
    "self-signed certificate in certificate chain",
    "unable to get issuer certificate",
    "unable to get local issuer certificate",
    "unable to verify the first certificate",
)
"""Words that are not ours and come in our messages all the same."""

Template = Union[str, Tuple[str, str]]
"""A text, or one and its plural."""


def gathered() -> Dict[Template, Set[str]]:
    """Every template, and the modules that have it."""
    found: Dict[Template, Set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for template in templates(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(template, set()).add(name)
    return {**found, **{text: {Path(__file__).relative_to(ROOT).as_posix()} for text in OUTSIDE}}


def templates(tree: ast.AST) -> Iterator[Template]:
    constants = _module_constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, constants)


def _of_call(call: ast.Call, constants: Dict[str, str]) -> Iterator[Template]:
    name = _name(call.func)
    if name == "counted":
        one, many = (next(_texts(argument, constants)) for argument in call.args[:2])
        yield one, many
    elif name in _FIRST or name in _ERRORS or (name == "of" and _owner(call.func) in ("Message", "DiskError")):
        yield from (text for argument in call.args[:1] for text in _texts(argument, constants))
    elif name in _ALL:
        yield from (text for argument in call.args for text in _texts(argument, constants))
    for keyword in call.keywords:
        if keyword.arg in _KEYWORDS:
            yield from _texts(keyword.value, constants)


def _texts(node: ast.expr, constants: Dict[str, str]) -> Iterator[str]:
    """The constants that `node` may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _has_words(node.value):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, constants)
        yield from _texts(node.orelse, constants)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _texts(value, constants)


def _module_constants(tree: ast.AST) -> Dict[str, str]:
    """Names that are given one constant text, at the top of the module or in a function."""
    found: Dict[str, str] = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            found.update({target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)})
    return found


def _has_words(text: str) -> bool:
    """Not so for punctuation, and for the names of options."""
    plain = "".join(part for part, *_ in string.Formatter().parse(text))
    return any(char.isalpha() for char in plain) and not (plain.startswith("--") and " " not in plain)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _owner(function: ast.expr) -> str:
    return _name(function.value) if isinstance(function, ast.Attribute) else ""


def fresh() -> Catalog:
    """A catalog of all templates, without translations."""
    catalog = Catalog(**_HEADER)
    for template, places in sorted(gathered().items(), key=lambda pair: (min(pair[1]), str(pair[0]))):
        catalog.add(template, locations=[(place, 1) for place in sorted(places)])
    return catalog


def po_path(language: str) -> Path:
    return CATALOGS / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def read(language: str) -> Catalog:
    with po_path(language).open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """The same for the same messages, whatever the day is."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def faults(language: str) -> List[str]:
    """What is missing, stale, unfinished or wrong in a catalog, a line each."""
    catalog, wanted = read(language), set(gathered())
    there = {message.id: message for message in catalog if message.id}
    found = [f"missing: {template!r}" for template in sorted(wanted - set(there), key=str)]
    found += [f"stale: {template!r}" for template in sorted(set(there) - wanted, key=str)]
    for template, message in there.items():
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.fuzzy or not all(said):
            found.append(f"not translated: {template!r}")
        elif any(_fields(text) != _fields(template if isinstance(template, str) else template[1]) for text in said):
            found.append(f"other fields: {template!r}: {message.string!r}")
    mo = po_path(language).with_suffix(".mo")
    if not mo.is_file() or mo.read_bytes() != compiled(catalog):
        found.append(f"{mo.name} is not made of this {po_path(language).name}: run scripts/messages.py update")
    return found


def _fields(template: str) -> Set[Tuple[str, str]]:
    """Number and form of each field; those without a number are counted."""
    found: Set[Tuple[str, str]] = set()
    for _, name, form, conversion in string.Formatter().parse(template):
        if name is not None:
            found.add((name or str(len(found)), f"{conversion}:{form}"))
    return found | {(percent, "%") for percent in ("%s", "%r", "%(") if percent in template}


def update(language: str) -> None:
    """Gather, merge and compile."""
    path = po_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog = read(language) if path.is_file() else Catalog(locale=language, **_HEADER)
    catalog.update(fresh(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    with path.open("wb") as file:
        write_po(file, catalog, width=118, omit_header=False, include_lineno=False, sort_by_file=True)
    path.with_suffix(".mo").write_bytes(compiled(read(language)))


def main() -> int:
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb not in ("update", "check"):
        print(__doc__, file=sys.stderr)
        return 2
    if verb == "update":
        for language in LANGUAGES:
            update(language)
    found = [f"{language}: {fault}" for language in LANGUAGES for fault in faults(language)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
