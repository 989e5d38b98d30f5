"""The scheduler: from the ledger to what an idle connection does next. Pure: no I/O, no lock, no clock of its own.

Strategy: long ranges, as few requests as the work allows. First what nobody has begun: blobs without a connection
before second connections to one, largest first, so that each can be hashed in order as it comes; what failed comes
after what did not, so that one bad blob holds up no other. Then the far part of
the run with the longest time to go, split by speed. At the very end a straggler's rest is fetched twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Container, Iterable, Optional, Tuple

from .ledger import BlobState, Ledger, Run
from .sharing import Sharing

States = Iterable[Tuple[int, BlobState]]
"""Blobs that connections bring, by number."""

MIB = 1 << 20


@dataclass(frozen=True)
class Rules:
    """Sizes in bytes, times in seconds."""

    piece_max: int = 64 * MIB
    """Short enough to be hashed from the page cache, where it has to be read back."""
    piece_min: int = MIB
    shared_min: int = 4 * MIB
    flood_piece: int = 256 * MIB
    """A second of it or less: nobody joins a flood, but should it dry up others have to steal what it was given."""
    share_from: int = 0
    """A blob that has less is brought by one connection at a time."""
    latencies: float = 50.0
    """A piece of a shared blob lasts this many times as long as an answer takes to begin: 2 % of the time is lost."""
    steal_min: int = 64 * 1024
    steal_time: float = 0.3
    """A run that is done sooner than this is not worth a new request and the victim's connection."""
    steal_latencies: float = 10.0
    """The same, in times that an answer takes to begin: so much of the victim's is under way, and lost."""
    steal_most: float = 2.5
    """Seconds: the most that makes. An answer that takes long waits for more than the way."""
    twin_time: float = 2.0
    small: int = 256 * 1024
    pause: float = 0.75
    """So little that is silent so long is worth a second request: it costs nearly nothing."""
    alone: float = 0.02
    """So long a blob's only connection is left alone: one that turns out to be a flood needs no other."""
    first_byte_time: float = 20.0
    """A request that waits for its first byte is left alone this long: caches fetch from upstream first."""

    @classmethod
    def of(cls, sharing: Sharing) -> Rules:
        """The usual ones, but for what the user has settled."""
        usual = cls(share_from=sharing.least)
        if sharing.piece is None:
            return usual
        piece = max(sharing.piece, usual.steal_min)
        return replace(usual, piece_min=piece, shared_min=piece, piece_max=max(piece, usual.piece_max))


@dataclass(frozen=True)
class Pace:
    """How a connection has done so far: `speed` in bytes a second, `latency` until an answer began, in seconds."""

    speed: Optional[float] = None
    latency: Optional[float] = None


UNKNOWN = Pace()


@dataclass(frozen=True)
class Idle:
    """A connection with nothing to do, one of `connections`, that would ask `source`, by number, one of `sources`.

    `closed`: blobs, by number, that it cannot be asked for now.
    """

    connections: int
    pace: Pace = UNKNOWN
    source: int = 0
    sources: int = 1
    closed: Container[int] = frozenset()


@dataclass(frozen=True)
class Assignment:
    """Fetch `[start, end)` of blob number `blob`. A `victim` loses what it shares with it, or gets a twin."""

    blob: int
    start: int
    end: int
    victim: Optional[Run] = None
    is_twin: bool = False


def choose(ledger: Ledger, idle: Idle, now: float, rules: Rules) -> Optional[Assignment]:
    """What the `idle` connection should do; None: nothing now."""
    states = ledger.busy(idle.closed)
    return (
        _untouched(ledger, states, idle, now, rules)
        or _steal(states, idle, now, rules)
        or _twin(states, idle, now, rules)
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


def _untouched(ledger: Ledger, states: States, idle: Idle, now: float, rules: Rules) -> Optional[Assignment]:
    number = ledger.next_waiting(idle.closed)
    if number is None:
        number = _most_open(states, idle, now, rules)
    if number is None:
        return None
    chosen = ledger.states[number]
    start, end = next(chosen.gaps())
    if _is_shared(chosen, idle, rules):
        cut = start + _piece(ledger, chosen, idle, now, rules)
        end = cut if end - cut >= rules.piece_min // 2 else end  # no crumbs
    return Assignment(number, start, end)


def _piece(ledger: Ledger, state: BlobState, idle: Idle, now: float, rules: Rules) -> int:
    """What is given at once of a blob that may be shared: of one that comes as a flood much, for it will not be."""
    if idle.sources == 1 and state.is_flooding(now):
        return rules.flood_piece
    return min(_longest_piece(idle, ledger.unfinished, rules), _share(ledger, idle, rules))


def _share(ledger: Ledger, idle: Idle, rules: Rules) -> int:
    """Of what is missing, the part of one connection.

    Half of it where blobs have to be shared, as long as that is much: so the last pieces are short, all end together
    and nothing has to be stolen, which costs what is on its way to the victim.
    """
    share = max(rules.piece_min, -(-ledger.missing // max(1, idle.connections)))
    return max(min(share, rules.shared_min), share // 2) if ledger.unfinished < idle.connections else share


def _most_open(states: States, idle: Idle, now: float, rules: Rules) -> Optional[int]:
    """The blob that others bring already, and of which the most was given to nobody."""
    ranks = []
    for number, state in states:
        if _may_join(state, idle, now, rules):
            open_bytes = sum(end - start for start, end in state.gaps())
            if open_bytes:
                ranks.append((state.failures, -open_bytes, number))
    return min(ranks)[-1] if ranks else None


def _may_join(state: BlobState, idle: Idle, now: float, rules: Rules) -> bool:
    """Whether the `idle` connection may bring a part of a blob that others bring already.

    Not where one of them brings more than can be dealt with here: more would only come out of order, and wait.
    """
    if is_left_alone(state, now, rules) and state.runs[0].source == idle.source:
        return False
    return _is_shared(state, idle, rules) and not any(run.inflow.is_flood(now) for run in state.runs)


def _is_shared(state: BlobState, idle: Idle, rules: Rules) -> bool:
    """Whether several connections may bring the blob together."""
    return state.blob.size >= rules.share_from and state.is_shared(idle.source)


def is_left_alone(state: BlobState, now: float, rules: Rules) -> bool:
    """Whether a blob's only connection has just begun, and others would have a part in it a moment later."""
    is_young = len(state.runs) == 1 and now - state.runs[0].began < rules.alone
    return is_young and state.blob.size - state.had.total >= 2 * rules.steal_min


def _longest_piece(idle: Idle, unfinished: int, rules: Rules) -> int:
    """Of a blob that may be shared, where so many are `unfinished`."""
    if idle.sources > 1:  # short, so that a connection can soon go where it is worth more
        return _shared_piece(rules, idle.pace, rules.piece_min)
    if unfinished < idle.connections:
        return _shared_piece(rules, idle.pace, rules.shared_min)
    return rules.piece_max


def _shared_piece(rules: Rules, pace: Pace, least: int) -> int:
    """For a blob that several connections bring together: short, so that its hash can follow close behind."""
    if pace.speed is None or pace.latency is None:
        return least
    return int(max(least, min(rules.piece_max, pace.speed * pace.latency * rules.latencies)))


def _steal(states: States, idle: Idle, now: float, rules: Rules) -> Optional[Assignment]:
    victim = _slowest(states, idle, now, rules)
    if victim is None:
        return None
    speed, theirs = idle.pace.speed, victim.speed(now)
    share = 0.5 if theirs is None or not speed else speed / (speed + theirs)
    if theirs == 0:
        share = 1.0  # it is silent: all but what is left for it to come back with
    most = victim.to_come - rules.steal_min
    length = max(rules.steal_min, min(int(victim.to_come * share), most))
    return Assignment(victim.blob, victim.end - length, victim.end, victim)


def _twin(states: States, idle: Idle, now: float, rules: Rules) -> Optional[Assignment]:
    victim, longest = None, rules.twin_time
    for _, state in states:
        if _is_shared(state, idle, rules):
            for run in state.runs:
                if run.remaining and not run.inflow.is_flood(now):
                    # A twin may go silent too: what counts is the one of them that will be there first.
                    twins = [other for other in state.runs if _overlap(run, other)]
                    time = min(_time_to_go(other, idle, now, rules) for other in twins)
                    if time > longest:
                        victim, longest = run, time
    if victim is None:
        return None
    mine = victim.remaining / idle.pace.speed if idle.pace.speed else rules.twin_time
    if 2 * mine + rules.steal_time > longest:
        return None
    return Assignment(victim.blob, victim.pos, victim.end, victim, is_twin=True)


def _overlap(run: Run, other: Run) -> bool:
    return run is other or (run.pos < other.end and other.pos < run.end)


def _slowest(states: States, idle: Idle, now: float, rules: Rules) -> Optional[Run]:
    """The run worth stealing from that has the longest time to go."""
    under_way = min(rules.steal_latencies * (idle.pace.latency or 0.0), rules.steal_most)
    found, longest = None, max(rules.steal_time, under_way)
    for _, state in states:
        if _may_join(state, idle, now, rules):
            for run in state.runs:
                if not run.twin and run.to_come >= 2 * rules.steal_min:
                    time = _time_to_go(run, idle, now, rules)
                    if time > longest:
                        found, longest = run, time
    return found


def _time_to_go(run: Run, idle: Idle, now: float, rules: Rules) -> float:
    """Seconds; a run too young to have a speed is taken to be as fast as the `idle` one, or left alone.

    One that waits for its first byte is left alone for long by who would ask the same source.
    """
    if not run.received:
        patience = rules.first_byte_time if run.source == idle.source else rules.twin_time
        return 0.0 if now - run.began < patience else float("inf")
    if run.to_come <= rules.small and now - run.last_at > rules.pause:
        return float("inf")
    speed = run.speed(now)
    if speed is None:
        speed = idle.pace.speed
    if speed is None:
        return 0.0
    return run.to_come / speed if speed > 0 else float("inf")
