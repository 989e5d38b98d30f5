"""Documents are asked for again by the one policy: a host that restarts is waited for, a wrong name is told soon."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Callable, Iterator, List

import pytest
from support.images import MadeImage, make_image
from support.process import free_port
from support.pulls import ACCESS
from support.rude import Request, RudeServer, Wire
from support.rude_registry import RudeRegistry

from dockferry import inspect_image, tags
from dockferry.errors import ConnectError, NetworkError, UnknownHostError
from dockferry.events import Event, Retry, Warned
from dockferry.transfer.retry import RetryPolicy

IMAGE: MadeImage = make_image([1000])
QUICK = RetryPolicy(attempts=4, base=0.05, longest=0.1, first=0.02)
LIST = b'{"tags": ["1.0", "2.0"]}'


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def retries(events: List[Event]) -> List[Retry]:
    return [event for event in events if isinstance(event, Retry)]


def test_a_name_that_nobody_knows_is_told_at_once() -> None:
    """Three tries within seconds, by the default policy: it is mistyped, or the resolver is just starting."""
    events: List[Event] = []
    began = time.monotonic()
    with pytest.raises(UnknownHostError, match=r"no-such-host\.invalid"):
        inspect_image("no-such-host.invalid/demo/app:1.0", access=ACCESS, on_event=events.append)
    assert time.monotonic() - began < 5.0
    assert len(retries(events)) == 2


def test_a_registry_that_restarts_is_waited_for(stack: ExitStack) -> None:
    """Nobody listens at first, which is told with what is waited for; when it is there the image is."""
    server = RudeServer(RudeRegistry(IMAGE), address=("127.0.0.1", free_port()))
    host = f"127.0.0.1:{server.address[1]}"
    events: List[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if len(retries(events)) == 3:
            stack.enter_context(server)

    found = inspect_image(f"{host}/demo/app:1.0", access=ACCESS, retry=replace(QUICK, attempts=9), on_event=on_event)
    assert found.digest == str(IMAGE.digest)
    assert [event.number for event in retries(events)] == [1, 2, 3]
    assert all(event.source == host and event.digest.endswith("demo/app:1.0") for event in retries(events))


def test_a_host_that_is_never_reached_ends_soon() -> None:
    """A mistyped name, or a dead host: by the policy's time for a first contact, not by its number of tries."""
    events: List[Event] = []
    began = time.monotonic()
    policy = RetryPolicy(base=0.2, contact=1.0)
    with pytest.raises(ConnectError):
        inspect_image(f"127.0.0.1:{free_port()}/demo/app:1.0", access=ACCESS, retry=policy, on_event=events.append)
    assert 1.0 <= time.monotonic() - began < 3.0
    assert 3 <= len(retries(events)) < policy.attempts - 1


def test_a_host_that_answers_has_all_its_tries(stack: ExitStack) -> None:
    """503 is an answer: the time for a first contact does not count."""
    server = stack.enter_context(RudeServer(lambda request, wire: wire.reply(503)))
    with pytest.raises(NetworkError):
        inspect_image(f"{server.host}/demo/app:1.0", access=ACCESS, retry=replace(QUICK, contact=0.0))
    assert len(server.requests) == QUICK.attempts


def test_every_page_of_tags_is_asked_for_again(stack: ExitStack) -> None:
    """The first page and a later one fail twice each: the list is whole, and each wait was told."""
    seen: List[str] = []

    def handler(request: Request, wire: Wire) -> None:
        seen.append(request.target)
        if seen.count(request.target) < 3:
            wire.reply(503)
        elif "last=" in request.target:
            wire.reply(200, b'{"tags": ["3.0"]}')
        else:
            wire.reply(200, LIST, [("Link", '</v2/demo/app/tags/list?last=2.0>; rel="next"')])

    server = stack.enter_context(RudeServer(handler))
    events: List[Event] = []
    found = tags(f"{server.host}/demo/app", access=ACCESS, retry=QUICK, on_event=events.append)
    assert list(found) == ["1.0", "2.0", "3.0"]
    assert [event.number for event in retries(events)] == [1, 2, 1, 2]
    assert {event.digest for event in retries(events)} == {f"tags of {server.host}/demo/app"}


@pytest.mark.parametrize("place", [0, 1])
def test_a_silent_mirror_holds_up_no_list_of_tags(stack: ExitStack, place: int) -> None:
    """All are asked at once; the one that says nothing is told, and not waited for."""
    servers = [stack.enter_context(RudeServer(lambda request, wire: wire.reply(200, LIST)))]
    servers.insert(place, stack.enter_context(RudeServer(lambda request, wire: wire.stall())))
    hasty = replace(ACCESS, connect_timeout=0.5, first_byte_timeout=60.0)
    events: List[Event] = []
    began = time.monotonic()
    found = tags("demo/app", mirrors=[server.host for server in servers], access=hasty, on_event=events.append)
    assert list(found) == ["1.0", "2.0"]
    assert time.monotonic() - began < 5
    assert any(servers[place].host in event.message for event in events if isinstance(event, Warned))


def test_mirrors_that_are_busy_are_asked_again_for_tags(stack: ExitStack) -> None:
    """Neither has an answer at first."""
    counts = [0, 0]

    def busy(place: int) -> Callable[[Request, Wire], None]:
        def handler(request: Request, wire: Wire) -> None:
            counts[place] += 1
            wire.reply(503) if counts[place] < 3 else wire.reply(200, LIST)

        return handler

    servers = [stack.enter_context(RudeServer(busy(place))) for place in (0, 1)]
    found = tags("demo/app", mirrors=[server.host for server in servers], access=ACCESS, retry=QUICK)
    assert list(found) == ["1.0", "2.0"]


def test_the_origins_list_of_tags_comes_first(stack: ExitStack) -> None:
    """A mirror may know but a part of them: the origin's word counts where it comes in time, though it be later."""
    asked: List[str] = []

    def late(request: Request, wire: Wire) -> None:
        while not asked:
            time.sleep(0.005)
        wire.reply(200, LIST)

    def early(request: Request, wire: Wire) -> None:
        wire.reply(200, b'{"tags": ["0.9"]}')
        asked.append(request.target)

    origin, mirror = (stack.enter_context(RudeServer(handler)) for handler in (late, early))
    found = tags(f"{origin.host}/demo/app", mirrors=[mirror.host], with_origin=True, access=ACCESS, retry=QUICK)
    assert list(found) == ["1.0", "2.0"]
