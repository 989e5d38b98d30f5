"""Damage: what may befall a file between two runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DAMAGE_KINDS = ("flipped", "cut", "zeroed", "zeroed from", "repeated", "longer", "empty", "noise", "newer", "removed")


@dataclass(frozen=True)
class Damage:
    """`share`, from 0 to 1, says where in the file."""

    kind: str
    share: float

    def do(self, path: Path) -> None:
        """To the file at `path`, in place."""
        if self.kind == "removed":
            path.unlink()
            return
        data = path.read_bytes()
        place = min(max(0, len(data) - 1), int(len(data) * self.share))
        path.write_bytes(self._changed(data, place))

    def _changed(self, data: bytes, place: int) -> bytes:
        if self.kind == "flipped":
            flipped = bytes(byte ^ 4 for byte in data[place : place + 1])
            return data[:place] + flipped + data[place + 1 :]
        if self.kind == "zeroed":
            return data[:place] + bytes(len(data[place : place + 4096])) + data[place + 4096 :]
        return {
            "cut": data[:place],
            "zeroed from": data[:place] + bytes(len(data) - place),
            "repeated": data + data[place:],
            "longer": data + bytes(1 + place),
            "empty": b"",
            "noise": b"\xff\n" * 40,
            "newer": b"dockferry-journal 9 x y\n" + data,
        }[self.kind]
