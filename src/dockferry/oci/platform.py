"""Platform: what an image runs on (OCI image spec, image-index.md), and the choice of one in an index."""

from __future__ import annotations

import platform as _host
import re
from dataclasses import dataclass
from typing import Any, Dict

from ..errors import ContentError, UsageError
from ..text import clean

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# Names people and machines use, to Go's GOARCH and the variant that containerd normalises to.
_ALIASES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "x64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armv8l": ("arm", "v7"),
    "armv7l": ("arm", "v7"),
    "armv7": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv6l": ("arm", "v6"),
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "x86": ("386", ""),
    "loongarch64": ("loong64", ""),
}

_SYSTEMS = ("linux", "windows", "darwin", "freebsd")

# Architectures whose variants are ordered, and the one that is meant where none is named.
_IMPLIED = {"arm": "v7", "arm64": "v8", "amd64": "v1"}


@dataclass(frozen=True)
class Platform:
    """`os`/`architecture`[/`variant`], normalised so that equal platforms are equal values.

    `arm64/v8` is `arm64`, `amd64/v1` is `amd64`, `arm` is `arm/v7`.
    """

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """From what a user types: `linux/arm/v7`, `linux/amd64`, `arm/v7` or `arm64`. Raises UsageError."""
        parts = text.strip(" \t\r\n").split("/")
        if len(parts) == 1 or (len(parts) == 2 and _has_variants(parts[0].lower())):
            parts = ["linux", *parts]
        is_bare = parts[0] == "linux" and parts[1].lower() in _SYSTEMS  # a system without an architecture
        if len(parts) > 3 or is_bare or not all(_WORD.fullmatch(part) for part in parts):
            raise UsageError(
                "wanted a platform like linux/arm64 or linux/arm/v7, got {}",
                clean(repr(text), 80),
                remedy="give --platform OS/ARCH[/VARIANT]",
            )
        return _normal(*(part.lower() for part in parts))

    @classmethod
    def from_json(cls, value: object, what: str) -> Platform:
        """From a descriptor's `platform` or an image config. Raises ContentError, naming `what`."""
        if not isinstance(value, dict):
            raise ContentError("{}: wanted a platform object, got {}", what, type(value).__name__)
        found = [value.get(key) for key in ("os", "architecture", "variant")]
        fields = ["" if field is None else field for field in found]  # null is absent, as in Go
        if not all(isinstance(field, str) and (not field or _WORD.fullmatch(field)) for field in fields):
            raise ContentError("{}: not a platform: {}", what, clean(repr(found), 120))
        return _normal(*(field.lower() for field in fields))

    @classmethod
    def of_host(cls) -> Platform:
        """Linux on this machine's architecture: images for a Docker engine, on every desktop, are Linux's."""
        return _normal("linux", _host.machine().lower() or "amd64")

    def to_json(self) -> Dict[str, Any]:
        """As in a descriptor."""
        found = {"architecture": self.architecture, "os": self.os}
        if self.variant:
            found["variant"] = self.variant
        return found

    def runs(self, other: Platform) -> int:
        """How well this machine runs an image for `other`: 0 not at all, more is better.

        An older variant runs on a newer one: arm/v6 on arm/v7, amd64/v2 on amd64/v3.
        """
        if (self.os, self.architecture) != (other.os, other.architecture):
            return 0
        if self.variant == other.variant:
            return 100
        ours, theirs = _level(self), _level(other)
        return min(theirs, 99) if ours and theirs and theirs < ours else 0

    @property
    def file_part(self) -> str:
        """For file names: `amd64`, `arm64`, `armv7`; other systems than Linux are named first."""
        arch = self.architecture + self.variant
        return arch if self.os in ("linux", "") else f"{self.os}-{arch}"

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


def _has_variants(architecture: str) -> bool:
    return _ALIASES.get(architecture, (architecture, ""))[0] in _IMPLIED


def _level(platform: Platform) -> int:
    """The variant as a number where variants are ordered, else 0."""
    implied = _IMPLIED.get(platform.architecture)
    digits = (platform.variant or implied or "")[1:]
    return int(digits) if implied and digits.isdigit() else 0


def _normal(os: str, architecture: str, variant: str = "") -> Platform:
    alias, meant = _ALIASES.get(architecture, (architecture, ""))
    implied = _IMPLIED.get(alias, "")
    variant = variant or meant or implied
    if variant.isdigit():
        variant = f"v{variant}"
    # arm is written with its variant, as most indexes do; the others without.
    return Platform(
        "darwin" if os == "macos" else os, alias, "" if variant == implied and alias != "arm" else variant
    )
