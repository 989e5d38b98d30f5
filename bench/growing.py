"""Growing: runs a command for more and more of something, round after round, within what the disk can hold."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Callable, Dict, List, Sequence

import synthetic
from exponents import Series
from measure import Failed, Sample, run
from memory import FOR_EACH_BYTE

ROUNDS = 3
ONCE_FROM = 5e8
"""Bytes of an image from which it is pulled once."""
SPARE = 2e9
"""Bytes that the disk must have besides the archive."""


class Growing:
    """`folder` is scratch; `quick`: small amounts, one round."""

    def __init__(self, folder: Path, quick: bool, huge: bool) -> None:
        self.folder, self.quick, self.huge = folder, quick, huge
        self.block = synthetic.Block(folder / "block")

    def series(
        self,
        name: str,
        amounts: Sequence[int],
        command: Callable[[int, Path], List[str]],
        size: Callable[[int], int] = lambda amount: 0,
        flat: Sequence[str] = (),
        like: str = "",
    ) -> Series:
        """All amounts in turn, round after round; `size` is how many bytes of archive each makes.

        What fails, or does not fit on the disk, ends none but its amount. `flat` and `like` as in `Series`.
        """
        points: Dict[int, List[Sample]] = {amount: [] for amount in amounts}
        missing: Dict[int, str] = {}
        for number in range(1 if self.quick else ROUNDS):
            for amount in amounts:
                is_enough = number > 0 and size(amount) > ONCE_FROM
                if amount in missing or is_enough:
                    continue
                try:
                    self._check_space(size(amount))
                    points[amount].append(self._once(name, amount, command, size(amount)))
                except Failed as error:
                    missing[amount] = str(error)
                    del points[amount]
        return Series(name, list(points.items()), list(missing.items()), flat, like)

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if needed + SPARE > free:
            raise Failed(f"wanted {(needed + SPARE) / 1e9:.1f} GB of free space, got {free / 1e9:.1f}")

    def _once(self, name: str, amount: int, command: Callable[[int, Path], List[str]], needed: int) -> Sample:
        print(f"{name}: {amount:,}", file=sys.stderr, flush=True)
        out = self.folder / "out"
        out.mkdir()
        try:
            return run(command(amount, out), out, room=int(FOR_EACH_BYTE * needed))
        finally:
            shutil.rmtree(out)
