"""The scheduler: from the ledger to what an idle connection does next. Pure: no I/O, no lock, no clock of its own.

Strategy: long ranges, as few requests as the work allows. First what nobody has begun: blobs without a connection
before second connections to one, largest first, so that each can be hashed in order as it comes; what failed comes
after what did not, so that one bad blob holds up no other. Then the far part of
the run with the longest time to go, split by speed. At the very end a straggler's rest is fetched twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import AbstractSet, Optional, Sequence, Tuple

from .ledger import BlobState, Ledger, Run
from .ranges import Range

States = Sequence[Tuple[int, BlobState]]

MIB = 1 << 20


@dataclass(frozen=True)
class Rules:
    """Sizes in bytes, times in seconds."""

    piece_max: int = 64 * MIB
    """Short enough to be hashed from the page cache, where it has to be read back."""
    piece_min: int = MIB
    shared_min: int = 4 * MIB
    latencies: float = 50.0
    """A piece of a shared blob lasts this many times as long as an answer takes to begin: 2 % of the time is lost."""
    steal_min: int = 64 * 1024
    steal_time: float = 0.3
    """A run that is done sooner than this is not worth a new request and the victim's connection."""
    twin_time: float = 2.0
    small: int = 256 * 1024
    pause: float = 0.75
    """So little that is silent so long is worth a second request: it costs nearly nothing."""
    first_byte_time: float = 20.0
    """A request that waits for its first byte is left alone this long: caches fetch from upstream first."""


@dataclass(frozen=True)
class Pace:
    """How a connection has done so far: `speed` in bytes a second, `latency` until an answer began, in seconds."""

    speed: Optional[float] = None
    latency: Optional[float] = None


UNKNOWN = Pace()


@dataclass(frozen=True)
class Assignment:
    """Fetch `[start, end)` of blob number `blob`. A `victim` loses what it shares with it, or gets a twin."""

    blob: int
    start: int
    end: int
    victim: Optional[Run] = None
    is_twin: bool = False


def choose(
    ledger: Ledger,
    connections: int,
    now: float,
    rules: Rules,
    pace: Pace = UNKNOWN,
    closed: AbstractSet[int] = frozenset(),
    source: int = 0,
    sources: int = 1,
) -> Optional[Assignment]:
    """What a connection of this `pace`, one of so many, should do at `source`, one of `sources`; None: nothing now.

    `closed`: blobs that it cannot be asked for now.
    """
    states = [(number, state) for number, state in enumerate(ledger.states) if number not in closed]
    return (
        _untouched(states, connections, rules, pace, source, sources)
        or _steal(states, now, rules, pace.speed, source)
        or _twin(states, now, rules, pace.speed, source)
    )


def assign(ledger: Ledger, choice: Assignment, now: float, source: int = 0) -> Run:
    """Write `choice`, to be asked of `source`, into the ledger."""
    if choice.victim is not None:
        if choice.is_twin:
            choice.victim.twin = True
        else:
            choice.victim.end = choice.start
    run = ledger.claim(choice.blob, choice.start, choice.end, now, source)
    run.twin = choice.is_twin
    return run


def _untouched(
    states: States, connections: int, rules: Rules, pace: Pace, source: int, sources: int
) -> Optional[Assignment]:
    best: Optional[Tuple[Tuple[bool, int, int], BlobState, int, Range]] = None
    missing = unfinished = 0
    for number, state in states:
        if state.is_complete:
            continue
        gaps = list(state.gaps())
        open_bytes = sum(end - start for start, end in gaps)
        unfinished += 1
        missing += open_bytes + sum(run.remaining for run in state.runs)
        if gaps and (state.is_shared(source) or not state.runs):
            rank = (not state.runs, -state.failures, open_bytes)
            if best is None or rank > best[0]:
                best = (rank, state, number, gaps[0])
    if best is None:
        return None
    _, chosen, number, (start, end) = best
    if chosen.is_shared(source):
        share = max(rules.piece_min, -(-missing // max(1, connections)))
        longest = rules.piece_max
        if sources > 1:  # short, so that a connection can soon go where it is worth more
            longest = _shared_piece(rules, pace, rules.piece_min)
        elif unfinished < connections:
            longest = _shared_piece(rules, pace, rules.shared_min)
        cut = start + min(share, longest)
        end = cut if end - cut >= rules.piece_min // 2 else end  # no crumbs
    return Assignment(number, start, end)


def _shared_piece(rules: Rules, pace: Pace, least: int) -> int:
    """For a blob that several connections bring together: short, so that its hash can follow close behind."""
    if pace.speed is None or pace.latency is None:
        return least
    return int(max(least, min(rules.piece_max, pace.speed * pace.latency * rules.latencies)))


def _steal(states: States, now: float, rules: Rules, speed: Optional[float], source: int) -> Optional[Assignment]:
    victim = _slowest(states, now, rules, speed, source)
    if victim is None:
        return None
    theirs = victim.speed(now)
    share = 0.5 if theirs is None or not speed else speed / (speed + theirs)
    if theirs == 0:
        share = 1.0  # it is silent: all but what is left for it to come back with
    most = victim.to_come - rules.steal_min
    length = max(rules.steal_min, min(int(victim.to_come * share), most))
    return Assignment(victim.blob, victim.end - length, victim.end, victim)


def _twin(states: States, now: float, rules: Rules, speed: Optional[float], source: int) -> Optional[Assignment]:
    victim, longest = None, rules.twin_time
    for _, state in states:
        if state.is_shared(source):
            for run in state.runs:
                if run.remaining:
                    # A twin may go silent too: what counts is the one of them that will be there first.
                    twins = [other for other in state.runs if _overlap(run, other)]
                    time = min(_time_to_go(other, now, rules, speed, source) for other in twins)
                    if time > longest:
                        victim, longest = run, time
    if victim is None:
        return None
    mine = victim.remaining / speed if speed else rules.twin_time
    if 2 * mine + rules.steal_time > longest:
        return None
    return Assignment(victim.blob, victim.pos, victim.end, victim, is_twin=True)


def _overlap(run: Run, other: Run) -> bool:
    return run is other or (run.pos < other.end and other.pos < run.end)


def _slowest(states: States, now: float, rules: Rules, speed: Optional[float], source: int) -> Optional[Run]:
    """The run worth stealing from that has the longest time to go."""
    found, longest = None, rules.steal_time
    for _, state in states:
        if state.is_shared(source):
            for run in state.runs:
                if not run.twin and run.to_come >= 2 * rules.steal_min:
                    time = _time_to_go(run, now, rules, speed, source)
                    if time > longest:
                        found, longest = run, time
    return found


def _time_to_go(run: Run, now: float, rules: Rules, default: Optional[float], source: int) -> float:
    """Seconds; a run too young to have a speed is taken to be as fast as `default`, or left alone.

    One that waits for its first byte is left alone for long by who would ask the same `source`.
    """
    if not run.received:
        patience = rules.first_byte_time if run.source == source else rules.twin_time
        return 0.0 if now - run.began < patience else float("inf")
    if run.to_come <= rules.small and now - run.last_at > rules.pause:
        return float("inf")
    speed = run.speed(now)
    if speed is None:
        speed = default
    if speed is None:
        return 0.0
    return run.to_come / speed if speed > 0 else float("inf")
