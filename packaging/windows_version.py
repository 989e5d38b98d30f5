"""The version that Windows shows among a program's properties, from dockferry's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Tuple, Union

import contents

_TEXT = """\
VSVersionInfo(
    ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}, mask=0x3F, flags=0x0, OS=0x40004, fileType=0x1),
    kids=[
        StringFileInfo([StringTable("040904B0", [
            StringStruct("CompanyName", {name!r}),
            StringStruct("FileDescription", {description!r}),
            StringStruct("FileVersion", {version!r}),
            StringStruct("InternalName", {name!r}),
            StringStruct("LegalCopyright", {licence!r}),
            StringStruct("OriginalFilename", "{name}.exe"),
            StringStruct("ProductName", {name!r}),
            StringStruct("ProductVersion", {version!r}),
        ])]),
        VarFileInfo([VarStruct("Translation", [0x0409, 0x04B0])]),
    ],
)
"""
"""PyInstaller's form of a version resource; 0409 is English, 04B0 Unicode."""


def numbers(version: str) -> Tuple[int, int, int, int]:
    """Windows wants four: `1.2.3rc4` is 1, 2, 3, 0, for what is said of a release's making has no place there."""
    release = re.match(r"[0-9.]+", version)
    found = [int(part) for part in release[0].split(".") if part][:4] if release else []
    first, second, third, fourth = (*found, 0, 0, 0, 0)[:4]
    return first, second, third, fourth


def text(version: str) -> str:
    """The resource as PyInstaller reads it."""
    return _TEXT.format(
        numbers=numbers(version),
        version=version,
        name=contents.NAME,
        description=contents.DESCRIPTION,
        licence=contents.LICENCE,
    )


def write(path: Union[str, Path]) -> str:
    """Write it to `path`, and give that back."""
    Path(path).write_text(text(contents.version()), encoding="utf-8")
    return str(path)
