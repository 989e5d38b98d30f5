"""Compare: runs tools in turn, round after round, against the same servers."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterator, List, Optional, Sequence

from door import Door
from image import BenchImage
from image_tools import OURS
from measure import Failed, Sample, run
from memory import FOR_EACH_BYTE
from peer import Peer, Target
from peers import FEW
from result import Bounds, Result

Say = Callable[[str], None]
Serving = Callable[[str], ContextManager[Door]]
"""For one run of the tool of this name."""


class Bench:
    """`folder` is scratch, `rounds` how often each tool runs, `say` tells what is going on.

    `few`: a quick look, with few of the tools, and none that is so slow that it runs once. `part` is the key of the
    scenario that is measured now.
    """

    def __init__(self, folder: Path, rounds: int, say: Say, few: bool = False) -> None:
        self.folder = folder
        self.rounds = rounds
        self.say = say
        self.part = ""
        self._few = few

    def compare(
        self,
        scenario: str,
        serving: Serving,
        image: BenchImage,
        peers: Sequence[Peer],
        *,
        said: Callable[[str], str] = lambda tool: "",
        ours: Peer = OURS,
        floors: Sequence[Peer] = (),
        beside: Sequence[Peer] = (),
        floor: Optional[float] = None,
        once: Sequence[Peer] = (),
    ) -> Iterator[Result]:
        """All `peers` and `floors` in turn, round after round, those of `once` in the first only.

        The floor is given, in seconds, or is the larger of what the `floors` take in the same round; those `beside`
        are floors that are shown and not told over. `said` is what goes behind the name of a tool.
        """
        samples: Dict[str, List[Sample]] = {}
        once = () if self._few else once
        everyone = [peer for peer in (*floors, *beside, *peers, *once) if not self._few or peer.program in FEW]
        why = {peer.name: peer.missing for peer in everyone if peer.missing}
        for number in range(self.rounds):
            for peer in _rotated([peer for peer in everyone if number == 0 or peer not in once], number):
                if peer.name in why:
                    continue
                self.say(f"{scenario}: round {number + 1} of {self.rounds}: {peer.name}")
                try:
                    with serving(peer.name) as door:
                        samples.setdefault(peer.name, []).append(self.once(peer, door, image))
                except Failed as error:
                    why[peer.name] = str(error)
        bounds = (floor,) * self.rounds if floor else _larger(samples, floors, self.rounds)
        theirs = tuple(sample.seconds for sample in samples.get(ours.name, ()))
        for peer in everyone:
            result = Result(self.part, scenario, peer.name, missing=why.get(peer.name, ""))
            if result.missing:
                yield result
            elif peer in floors or peer in beside:
                yield replace(result, samples=tuple(samples[peer.name]), is_floor=True, counts=False)
            else:
                yield replace(
                    result,
                    samples=tuple(samples[peer.name]),
                    size=image.size,
                    floors=bounds,
                    ours=theirs,
                    counts=peer.counts,
                    said=said(peer.name),
                )

    def once(
        self, peer: Peer, door: Door, image: BenchImage, *, kill_when: Optional[Callable[[], bool]] = None
    ) -> Sample:
        """One run into a fresh folder, with what it asked of the server. Raises Failed."""
        return self.again(peer, Target(door.host, image, self.fresh(), door.authority), door, kill_when=kill_when)

    def again(
        self, peer: Peer, target: Target, door: Door, *, kill_when: Optional[Callable[[], bool]] = None
    ) -> Sample:
        """One run into the folder as it is."""
        before = door.tally() if door.tally else None
        room = int(FOR_EACH_BYTE * target.image.size)
        command = peer.command(target)
        sample = run(command, target.folder, room=room, environ=target.environ, kill_when=kill_when)
        sample = door.counted(before, sample)
        if peer.after is not None:
            run(peer.after(target), target.folder)
        return sample

    def fresh(self) -> Path:
        folder = self.folder / "out"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


def at(door: Door) -> Serving:
    """The same for every run."""
    return lambda tool: nullcontext(door)


def _rotated(peers: List[Peer], number: int) -> List[Peer]:
    """Each round begins with another: nobody always runs after the same neighbour."""
    start = number % len(peers)
    return peers[start:] + peers[:start]


def _larger(samples: Dict[str, List[Sample]], floors: Sequence[Peer], rounds: int) -> Bounds:
    there = [samples[peer.name] for peer in floors if len(samples.get(peer.name, ())) == rounds]
    return tuple(max((found[number].seconds for found in there), default=None) for number in range(rounds))
