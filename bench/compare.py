"""Compare: runs tools in turn, round after round, against the same servers."""

from __future__ import annotations

import random
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple, TypeVar

from door import Door
from image import BenchImage
from image_tools import OURS
from measure import Failed, Sample, run
from memory import FOR_EACH_BYTE
from peer import Peer, Target
from peers import FEW
from result import Bounds, Result

T = TypeVar("T")
Say = Callable[[str], None]
Serving = Callable[[str], ContextManager[Door]]
"""For one run of the tool of this name."""
Take = Callable[[Peer, Door], Sample]


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
        take: Optional[Take] = None,
        said: Callable[[str], str] = lambda tool: "",
        ours: Peer = OURS,
        floors: Sequence[Peer] = (),
        beside: Sequence[Peer] = (),
        floor: Optional[float] = None,
        only_first: Sequence[Peer] = (),
    ) -> Iterator[Result]:
        """All `peers` and `floors` in turn, round after round, those of `only_first` in the first round alone.

        The floor is given, in seconds, or is the larger of what the `floors` take in the same round; those `beside`
        are floors that are shown and not told over. `take` is how a sample is taken, None for one run into a fresh
        folder. `said` is what goes behind the name of a tool.
        """
        seldom = () if self._few else only_first
        everyone = [peer for peer in (*floors, *beside, *peers, *seldom) if not self._few or peer.program in FEW]
        take = take or (lambda peer, door: self.once(peer, door, image))
        samples, why = self._sampled(scenario, serving, everyone, seldom, take)
        bounds = (floor,) * self.rounds if floor else _larger(samples, floors, self.rounds)
        theirs = tuple(sample.seconds for sample in samples.get(ours.name, ()))
        for peer in everyone:
            result = Result(self.part, scenario, peer.name, missing=why.get(peer.name, ""))
            if result.missing:
                yield result
                continue
            result = replace(result, samples=tuple(samples[peer.name]), counts=peer.counts)
            if peer in floors or peer in beside:
                yield replace(result, is_floor=True, counts=False)
            else:
                yield replace(result, size=image.size, floors=bounds, ours=theirs, said=said(peer.name))

    def _sampled(
        self, scenario: str, serving: Serving, everyone: Sequence[Peer], seldom: Sequence[Peer], take: Take
    ) -> Tuple[Dict[str, List[Sample]], Dict[str, str]]:
        """By the tool's name its samples, and for those that have none or failed why."""
        samples: Dict[str, List[Sample]] = {}
        why = {peer.name: peer.missing for peer in everyone if peer.missing}
        for number in range(self.rounds):
            for peer in by_lot([peer for peer in everyone if number == 0 or peer not in seldom], number):
                if peer.name in why:
                    continue
                self.say(f"{scenario}: round {number + 1} of {self.rounds}: {peer.name}")
                try:
                    with serving(peer.name) as door:
                        samples.setdefault(peer.name, []).append(take(peer, door))
                except Failed as error:
                    why[peer.name] = str(error)
        return samples, why

    def once(self, peer: Peer, door: Door, image: BenchImage) -> Sample:
        """One run into a fresh folder, with what it asked of the server. Raises Failed."""
        return self.again(peer, Target(door.host, image, self.fresh(), door.authority), door)

    def again(
        self, peer: Peer, target: Target, door: Door, *, kill_when: Optional[Callable[[], bool]] = None
    ) -> Sample:
        """One run into the folder as it is."""
        before = door.tally() if door.tally else None
        room = int(FOR_EACH_BYTE * target.image.size)
        command = peer.command(target)
        sample = run(command, target.folder, room=room, environ=peer.environ(target), kill_when=kill_when)
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


def by_lot(all_of_them: Sequence[T], number: int) -> List[T]:
    """The order of round `number`: nobody always runs after the same neighbour."""
    return random.Random(number).sample(all_of_them, len(all_of_them))


def _larger(samples: Dict[str, List[Sample]], floors: Sequence[Peer], rounds: int) -> Bounds:
    there = [samples[peer.name] for peer in floors if len(samples.get(peer.name, ())) == rounds]
    return tuple(max((found[number].seconds for found in there), default=None) for number in range(rounds))
