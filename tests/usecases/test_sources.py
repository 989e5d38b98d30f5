"""Where an image comes from: origin and mirrors together, what a tag means among them, and who gets the login."""

from __future__ import annotations

import base64
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Iterator, List, Optional

import pytest
from support.images import MadeImage, make_image
from support.rude import Request, RudeServer, Wire
from support.rude_registry import RudeRegistry
from support.served import store_of

from dockferry import Access, inspect_image, pull, tags
from dockferry.errors import ConnectError, ContentError, NetworkError, NotFoundError, UsageError
from dockferry.events import Event, Retry, Warned
from dockferry.oci.reference import Reference
from dockferry.serve import ImageStore, Running, Served, memory_blob, serve
from dockferry.transfer.retry import RetryPolicy
from dockferry.usecases.places import Places, open_places

NEW = make_image([200_000, 100_000], seed=1)
OLD = make_image([150_000], seed=2)
ACCESS = Access(connect_timeout=10.0, first_byte_timeout=20.0, idle_timeout=5.0)
HASTY = Access(connect_timeout=0.5, first_byte_timeout=20.0, idle_timeout=5.0)
QUICK = RetryPolicy(attempts=3, base=0.02, longest=0.1, first=0.01)


class Ground:
    """Registries on this machine, pulls from them, and what was told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.events: List[Event] = []
        self.requests: List[Served] = []
        self._stack = ExitStack()

    def registry(self, image: MadeImage, *more: MadeImage, repository: str = "demo/app") -> Running:
        """`image` under the tag 1.0, and `more` images by their digests alone."""
        store = store_of(image, repository)
        for one in more:
            _add(store, repository, one)
        return self._stack.enter_context(serve(store, on_request=self.requests.append))

    def empty(self) -> Running:
        return self._stack.enter_context(serve(ImageStore(), on_request=self.requests.append))

    def rude(self, handler: Any) -> RudeServer:
        server = self._stack.enter_context(RudeServer(handler))
        if isinstance(handler, RudeRegistry):
            handler.ending = server.ending
        return server

    def silent(self) -> RudeServer:
        """Takes every request and answers none."""
        return self.rude(lambda request, wire: wire.stall())

    def pull(self, origin: str, *mirrors: Any, name: str = "demo/app:1.0", **options: Any) -> str:
        """The digest that was pulled."""
        self.events.clear()
        result = pull(
            f"{origin}/{name}",
            mirrors=[getattr(mirror, "host", mirror) for mirror in mirrors],
            output=self.directory / "a.tar",
            access=options.pop("access", ACCESS),
            retry=options.pop("retry", QUICK),
            on_event=self.events.append,
            **options,
        )
        return result.digest

    def warnings(self) -> List[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]

    def asked_for_the_tag(self) -> List[Served]:
        """The requests for it, all told once the registries have ended."""
        self._stack.close()
        return [served for served in self.requests if served.target.endswith("/manifests/1.0")]

    def close(self) -> None:
        self._stack.close()


def _add(store: ImageStore, repository: str, image: MadeImage, *tags: str) -> None:
    store.add_manifest(repository, image.manifest, image.media_type, *tags)
    for digest, data in image.blobs.items():
        store.add_blob(repository, digest, memory_blob(data))


def dead() -> str:
    """A host where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def of(image: MadeImage) -> str:
    return str(image.digest)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(tmp_path)
    yield made
    made.close()


def test_mirrors_alone_are_asked_alone(ground: Ground) -> None:
    """Mirrors take the origin's place: it hears nothing."""
    heard = RudeRegistry(OLD)
    origin = ground.rude(heard)
    assert ground.pull(origin.host, ground.registry(NEW)) == of(NEW)
    assert origin.requests == []


def test_origin_and_mirror_are_both_used(ground: Ground) -> None:
    """With the origin besides, both are asked for the tag."""
    origin, mirror = ground.rude(RudeRegistry(NEW)), ground.rude(RudeRegistry(NEW))
    assert ground.pull(origin.host, mirror, with_origin=True) == of(NEW)
    for server in (origin, mirror):
        assert any(target.endswith("/manifests/1.0") for target in server.targets())
    assert ground.warnings() == []


@pytest.mark.row(54)
def test_a_disagreement_is_refused(ground: Ground) -> None:
    """Who says what, exit 6, and two ways out; nothing is left behind."""
    origin, mirror, third = ground.registry(NEW), ground.registry(OLD), ground.registry(OLD)
    with pytest.raises(ContentError) as caught:
        ground.pull(origin.host, mirror, third, with_origin=True)
    line = str(caught.value)
    assert f"{origin.host} says {NEW.digest}" in line
    assert f"{mirror.host}, {third.host} say {OLD.digest}" in line
    assert f"give the digest you want, like {origin.host}/demo/app@{NEW.digest}" in line
    assert f"--trust {origin.host}" in line
    assert caught.value.exit_code == 6
    assert list(ground.directory.iterdir()) == []


@pytest.mark.row(54)
def test_mirrors_among_themselves_have_to_agree_too(ground: Ground) -> None:
    """Without the origin no mirror's word is worth more than another's."""
    one, other = ground.registry(NEW), ground.registry(OLD)
    with pytest.raises(ContentError, match="the sources disagree on this tag"):
        ground.pull("registry.example", one, other)


@pytest.mark.parametrize(("trusted", "image"), [(0, NEW), (1, OLD)])
@pytest.mark.row(54)
def test_the_trusted_source_says_what_a_tag_is(ground: Ground, trusted: int, image: MadeImage) -> None:
    """Its word alone counts, and it alone is asked."""
    hosts = [ground.registry(NEW, OLD), ground.registry(OLD, NEW)]
    assert ground.pull(hosts[0].host, hosts[1], with_origin=True, trust=hosts[trusted].host) == of(image)
    assert len(ground.asked_for_the_tag()) == 1


def test_the_trusted_source_has_no_stand_in(ground: Ground) -> None:
    """When it cannot be reached, the others' word is not taken."""
    gone = dead()
    with pytest.raises(ConnectError):
        ground.pull(gone, ground.registry(NEW), with_origin=True, trust=gone)


def test_only_a_source_can_be_trusted(ground: Ground) -> None:
    """Another host is a mistake, told with the sources there are."""
    origin, mirror = ground.registry(NEW), ground.registry(NEW)
    with pytest.raises(UsageError, match=f"wanted to trust one of {origin.host}, {mirror.host}, got 'm.example'"):
        ground.pull(origin.host, mirror, with_origin=True, trust="m.example")


@pytest.mark.parametrize("name", ["docker.io", "registry-1.docker.io", "https://Registry-1.docker.io/"])
def test_docker_hub_can_be_trusted_by_either_of_its_names(name: str) -> None:
    """By that in an image's name, and by that which messages have."""
    with ExitStack() as stack:
        places = Places(("m.example/hub",), with_origin=True, trust=name)
        opened = open_places(Reference.parse("nginx"), places, Access(), lambda event: None, stack)
    assert opened.trusted is opened.origin
    assert [source.name for source in opened.sources] == ["registry-1.docker.io", "m.example/hub"]


def test_a_digest_needs_no_agreement(ground: Ground) -> None:
    """Sources that disagree on the tag give the same digest, whichever has it; who has it not holds nobody up."""
    origin, mirror = ground.registry(NEW), ground.registry(OLD)
    name = f"demo/app:1.0@{OLD.digest}"
    assert ground.pull(origin.host, mirror, name=name, with_origin=True) == of(OLD)


def test_a_mirror_without_the_tag_is_a_source_all_the_same(ground: Ground) -> None:
    """It says nothing of the tag, and gives blobs."""
    origin = ground.rude(RudeRegistry(NEW, rate=2e5))  # slow enough that the mirror has its turn
    late = RudeRegistry(NEW, manifest=lambda request, wire: wire.reply(404))
    mirror = ground.rude(late)
    assert ground.pull(origin.host, mirror, with_origin=True, threads=4) == of(NEW)
    assert any(mirror.host in warning for warning in ground.warnings())
    assert late.blobs


def test_the_origin_says_which_tags_there_are(ground: Ground) -> None:
    """It has not the tag, a mirror has: refused, unless the mirror is trusted."""
    origin, mirror = ground.empty(), ground.registry(NEW)
    with pytest.raises(ContentError, match=f"{origin.host} says there is none"):
        ground.pull(origin.host, mirror, with_origin=True)
    assert ground.pull(origin.host, mirror, with_origin=True, trust=mirror.host) == of(NEW)


def test_a_tag_that_nobody_has_is_not_found(ground: Ground) -> None:
    """At once: the origin's word is final, whatever a mirror may have later."""
    busy = ground.rude(lambda request, wire: wire.reply(503))
    with pytest.raises(NotFoundError):
        ground.pull(ground.empty().host, busy, with_origin=True)
    assert not [event for event in ground.events if isinstance(event, Retry)]


@pytest.mark.row(1)
def test_a_dead_origin_holds_nobody_up(ground: Ground) -> None:
    """Where it refuses, the mirror's word is taken, and it is told."""
    began = time.monotonic()
    gone = dead()
    assert ground.pull(gone, ground.registry(NEW), with_origin=True) == of(NEW)
    assert time.monotonic() - began < 5
    assert any(gone in warning for warning in ground.warnings())


@pytest.mark.parametrize("is_origin", [True, False])
@pytest.mark.row(2)
def test_a_silent_source_holds_nobody_up(ground: Ground, is_origin: bool) -> None:
    """Who has not answered in time is not waited for, and is named."""
    silent, speaking = ground.silent(), ground.registry(NEW)
    origin, mirror = (silent, speaking) if is_origin else (speaking, silent)
    began = time.monotonic()
    name = f"{origin.host}/demo/app:1.0"
    inspected = inspect_image(
        name, mirrors=[mirror.host], with_origin=True, access=HASTY, on_event=ground.events.append
    )
    assert inspected.digest == str(NEW.digest)
    assert time.monotonic() - began < 5
    assert f"no answer from {silent.host} within 0.5 s" in " ".join(ground.warnings())
    for thread in threading.enumerate():
        if thread.name == f"ask {silent.host}":
            thread.join(5)  # it was woken, long before the host's own time is over
            assert not thread.is_alive()


def test_all_sources_are_asked_again(ground: Ground) -> None:
    """When none has an answer yet, all that may have one later are asked again, and each wait is told."""
    asked: List[str] = []

    def moody(request: Request, wire: Wire) -> None:
        asked.append(request.target)
        if len(asked) <= 2:
            wire.reply(503)
        else:
            wire.reply(200, NEW.manifest, [("Content-Type", NEW.media_type)])

    mirror = ground.rude(RudeRegistry(NEW, manifest=moody))
    assert ground.pull(dead(), mirror, with_origin=True) == of(NEW)
    retries = [event for event in ground.events if isinstance(event, Retry)]
    assert [event.number for event in retries][:2] == [1, 2]
    assert mirror.host in retries[0].source


def test_the_tries_are_as_many_as_were_asked_for(ground: Ground) -> None:
    """The user's policy holds for manifests too."""
    server = ground.rude(lambda request, wire: wire.reply(503))
    with pytest.raises(NetworkError):
        ground.pull(server.host, retry=RetryPolicy(attempts=2, base=0.01, longest=0.01, first=0.01))
    assert len(server.requests) == 2


def test_the_origins_word_is_not_held_up_by_a_silent_mirror(ground: Ground) -> None:
    """There is no such tag, and that is told in time."""
    began = time.monotonic()
    with pytest.raises(NotFoundError):
        ground.pull(ground.empty().host, ground.silent(), with_origin=True, access=HASTY)
    assert time.monotonic() - began < 5


def test_a_source_named_twice_is_one(ground: Ground) -> None:
    """The origin among the mirrors is asked once, and one source needs no agreement."""
    origin = ground.registry(NEW)
    assert ground.pull(origin.host, origin, f"http://{origin.host}", with_origin=True) == of(NEW)
    assert len(ground.asked_for_the_tag()) == 1


def test_an_archive_that_is_there_costs_one_request(ground: Ground) -> None:
    """With one source: the tag is asked for, and nothing else."""
    origin = ground.rude(RudeRegistry(NEW))
    ground.pull(origin.host)
    before = len(origin.requests)
    ground.pull(origin.host)
    assert [target.rpartition("/")[2] for target in origin.targets()[before:]] == ["1.0"]


def test_a_prefix_is_part_of_the_mirror(ground: Ground) -> None:
    """`HOST/PREFIX` puts the prefix before the repository, with the origin besides too."""
    mirror = ground.registry(NEW, repository="cache/hub/demo/app")
    origin = ground.registry(NEW)
    assert ground.pull(origin.host, f"{mirror.host}/cache/hub", with_origin=True) == of(NEW)
    assert ground.warnings() == []


def _guarded(asked: List[Optional[str]], image: MadeImage) -> Any:
    """A registry for those who log in, which notes each login it is shown."""
    honest = RudeRegistry(image)

    def handler(request: Request, wire: Wire) -> None:
        asked.append(request.header("authorization"))
        if asked[-1] is None:
            wire.reply(401, b"", [("WWW-Authenticate", 'Basic realm="here"')])
        else:
            honest(request, wire)

    return handler


@pytest.mark.rule(5)
def test_the_login_goes_to_the_origin_where_that_is_a_source(ground: Ground) -> None:
    """No mirror sees it, even one that asks for a login; without the origin it is the first mirror's."""
    shown: List[Optional[str]] = []
    nosy: List[Optional[str]] = []
    origin, mirror = ground.rude(_guarded(shown, NEW)), ground.rude(_guarded(nosy, NEW))
    access = Access(username="me", password="canary-7")
    secret = base64.b64encode(b"me:canary-7").decode()
    assert ground.pull(origin.host, mirror, with_origin=True, access=access) == of(NEW)
    assert f"Basic {secret}" in shown
    assert set(nosy) == {None}
    assert not mirror.saw("canary-7")
    (ground.directory / "a.tar").unlink()
    before = len(origin.requests)
    assert ground.pull(origin.host, mirror, access=access) == of(NEW)
    assert f"Basic {secret}" in nosy
    assert len(origin.requests) == before


def test_tags_come_from_the_first_source_that_has_them(ground: Ground) -> None:
    """A dead origin's mirror lists them; a trusted source lists them alone."""
    mirror = ground.registry(NEW)
    gone = dead()
    options: Any = {"mirrors": [mirror.host], "with_origin": True, "access": ACCESS, "retry": QUICK}
    assert list(tags(f"{gone}/demo/app", **options)) == ["1.0"]
    with pytest.raises(ConnectError):
        list(tags(f"{gone}/demo/app", trust=gone, **options))
