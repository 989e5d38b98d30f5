"""Twelve faults that other tools were tried with: an image of 18.6 MB in 6 layers, and one registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict

from . import faults
from .guards import Limit, Storage, Tokens
from .images import MadeImage, make_image
from .rude import RudeServer
from .rude_registry import Fault, RudeRegistry, honest

Serve = Callable[[Any], RudeServer]
"""From a handler to its running server."""

FAST, SLOW = 2e7, 2e6
"""Bytes a second of each connection."""


@dataclass(frozen=True)
class Played:
    """A registry under a fault: where it is, and who counts the blobs' bytes."""

    front: RudeServer
    counting: RudeRegistry


@dataclass(frozen=True)
class Scenario:
    """`rate` is each connection's; `begin` starts the servers."""

    name: str
    rate: float
    begin: Callable[[MadeImage, Serve], Played]


def twelve_image() -> MadeImage:
    return make_image([6_000_000, 5_000_000, 3_500_000, 2_500_000, 1_100_000, 500_000], seed=12)


def plain(fault: Fault, rate: float = FAST) -> Callable[[MadeImage, Serve], Played]:
    def begin(image: MadeImage, serve: Serve) -> Played:
        registry = RudeRegistry(image, fault, rate=rate)
        return Played(serve(registry), registry)

    return begin


def short_tokens(image: MadeImage, serve: Serve) -> Played:
    guard = Tokens(RudeRegistry(image, rate=SLOW), life=2)
    guard.realm = f"{serve(guard.token).url}/token"
    front = serve(guard)
    guard.registry.ending = front.ending
    return Played(front, guard.registry)


def limited(image: MadeImage, serve: Serve) -> Played:
    return plain(Limit(2, is_strict=False))(image, serve)


def short_urls(image: MadeImage, serve: Serve) -> Played:
    behind = Storage(RudeRegistry(image, faults.cut, rate=SLOW), life=1.0)
    storage = serve(behind)
    behind.registry.ending = storage.ending
    front = RudeRegistry(image, lambda ask: ask.wire.reply(307, b"", [("Location", behind.url(storage, ask))]))
    return Played(serve(front), behind.registry)


TWELVE: Dict[str, Scenario] = {
    "T1": Scenario("token lives 2 s, slow link", SLOW, short_tokens),
    "T2": Scenario("half of all bodies cut short", FAST, plain(faults.cut)),
    "T3": Scenario("30 % reset mid-body", FAST, plain(faults.reset)),
    "T4": Scenario("30 % stall for ever mid-body", FAST, plain(faults.stalled)),
    "T5": Scenario("30 % carry one wrong bit", FAST, plain(faults.wrong_bit)),
    "T6": Scenario("Range ignored, bodies cut", FAST, plain(faults.ignored_and_cut)),
    "T7": Scenario("Range honoured now and then, cut", FAST, plain(faults.ignored_now_and_then)),
    "T8": Scenario("Range answered 400, cut", FAST, plain(faults.refused_400)),
    "T9": Scenario("wrong Content-Range, cut", FAST, plain(faults.wrong_content_range)),
    "T10": Scenario("429 past 2 connections", FAST, limited),
    "T11": Scenario("40 % answered 503", FAST, plain(faults.busy_now_and_then)),
    "T12": Scenario("signed redirect lives 1 s, bodies cut, slow", SLOW, short_urls),
}
HONEST: Dict[float, Scenario] = {rate: Scenario("no fault", rate, plain(honest, rate)) for rate in (FAST, SLOW)}
