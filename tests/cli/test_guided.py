"""Guided use as a dialogue: what is asked, what each answer does, and that every way out is clean."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.canaries import PASSWORD, USER, found_in
from support.images import make_image, make_index
from support.login import GuardedRegistry
from support.rude import RudeServer
from support.said import assert_plain
from support.served import store_of, store_of_index

from dockferry.cli import cells, language
from dockferry.cli.console import Counter
from dockferry.cli.guided import Order, Talk, guide
from dockferry.cli.language import say
from dockferry.oci.platform import Platform
from dockferry.serve import serve

HOST = Platform.of_host()
OWN = make_image([40_000, 20_000], seed=11, architecture=HOST.architecture)
OTHER = make_image([30_000], seed=12, architecture="s390x")
BOTH = make_index({"s390x": OTHER, HOST.architecture: OWN})


@dataclass
class Person:
    """Answers `lines` one after another, to questions and to secrets; then there is no more (Ctrl-D)."""

    lines: List[str]
    asked: List[str] = field(default_factory=list)
    secrets: List[str] = field(default_factory=list)
    told: List[str] = field(default_factory=list)

    @property
    def talk(self) -> Talk:
        return Talk(self._answer, self._secret, self.told.append)

    def _answer(self, question: str) -> str:
        self.asked.append(question)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)

    def _secret(self, question: str) -> str:
        self.secrets.append(question)
        return self._answer(question)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Archives and logs go to the test's directory; a host is asked once, and none that is not on this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKFERRY_RETRIES", "1")
    monkeypatch.setenv("DOCKFERRY_PROGRESS", "none")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield
    language.use("en")


def talked(*lines: str, options: List[str] = []) -> Person:  # noqa: B006 - never changed
    person = Person(list(lines))
    assert guide(person.talk, Counter(options, ("dockferry", "pull"))) == 0
    return person


def archives() -> List[str]:
    return sorted(path.name for path in Path().iterdir() if ".tar" in path.name)


def test_from_the_name_to_the_archive(capsys: pytest.CaptureFixture[str]) -> None:
    """Image, place, platform, what it will be, begin; then the archive, its load command, and a key to leave."""
    with serve(store_of_index(BOTH)) as server:
        name = f"{server.host}/demo/app:1.0"
        person = talked(name, "", "1", "", "")
    assert [question.partition(" [")[0] for question in person.asked] == [
        "Image, such as nginx:1.27: ",
        "From which registry or mirror?",
        "Which platform?",
        "Begin?",
        "Press Enter to leave. ",
    ]
    assert f"[{server.host}]" in person.asked[1]
    assert person.asked[2] == "Which platform? [2] "  # this machine's own stands second
    assert person.told[1:3] == ["  1  linux/s390x", f"  2  {HOST}  (as this machine)"]
    assert f"image:    {name}" in person.told
    assert "platform: linux/s390x" in person.told
    assert any(line.startswith("size:     30.") and line.endswith("in 1 layers") for line in person.told)
    target = Path(f"{name.replace(':', '_').replace('/', '_')}_s390x.tar")
    assert f"file:     {target.absolute()}" in person.told
    assert archives() == [target.name]
    assert OTHER.blobs[OTHER.layers[0].digest] in target.read_bytes()
    assert person.told[-1] == f"The same without questions: dockferry pull {name} --platform linux/s390x"
    shown = capsys.readouterr()
    assert f"load:    docker load -i {target.name}" in shown.err


def test_enter_takes_the_defaults() -> None:
    """The image's own registry, this machine's platform: as `dockferry pull IMAGE`."""
    with serve(store_of_index(BOTH)) as server:
        person = talked(f"{server.host}/demo/app:1.0", "", "", "", "")
    assert person.told[-1] == f"The same without questions: dockferry pull {server.host}/demo/app:1.0"
    assert OWN.blobs[OWN.layers[0].digest] in Path(archives()[0]).read_bytes()


def test_a_platform_can_be_named() -> None:
    """By its name as well as by its number."""
    with serve(store_of_index(BOTH)) as server:
        talked(f"{server.host}/demo/app:1.0", "", "LINUX/s390x", "", "")
    assert archives()[0].endswith("_s390x.tar")


def test_where_there_is_one_platform_it_is_not_asked_for() -> None:
    """Neither for an image without an index, nor for an index of one, whatever machine this is."""
    for store in (store_of(OTHER), store_of_index(make_index({"s390x": OTHER}))):
        with serve(store) as server:
            person = talked(f"{server.host}/demo/app:1.0", "", "", "")
        assert not any("platform" in question for question in person.asked)
        assert "platform: linux/s390x" in person.told


def test_wrong_answers_are_asked_again() -> None:
    """Each with one line that says what was wanted; nothing else is asked again."""
    with serve(store_of_index(BOTH)) as server:
        wrong = ["Nginx", "a b", "", f"{server.host}/demo/app:1.0", "ftp://x", "me:secret@x", ""]
        person = talked(*wrong, "3", "0", "0000000002", "x", "2", "perhaps", "y", "")
    assert len(archives()) == 1
    questions = [question.partition(" ")[0] for question in person.asked]
    assert questions == ["Image,"] * 4 + ["From"] * 3 + ["Which"] * 5 + ["Begin?"] * 2 + ["Press"]
    said = "\n".join(person.told)
    assert "image 'Nginx': wanted [registry/]repository[:tag][@digest], got the name 'Nginx'" in said
    assert "got the scheme 'ftp'" in said
    assert "secret" not in said
    assert "wanted a number from 1 to 2, or a name of the list, got '3'" in said
    assert "wanted y or n, got 'perhaps'" in said
    assert all("\n" not in line for line in person.told)


def test_no_begins_again_and_fetches_nothing() -> None:
    """What was shown is not what was meant: the next image."""
    with serve(store_of(OWN)) as server:
        person = talked(f"{server.host}/demo/app:1.0", "", "n")
    assert archives() == []
    assert person.asked[-1].startswith("Image")


def test_an_image_that_is_not_there_is_told() -> None:
    """In one line; then another name is asked for."""
    with serve(store_of(OWN)) as server:
        person = talked(f"{server.host}/demo/app:2.0", "", f"{server.host}/demo/app:1.0", "", "", "")
    assert any("got 404" in line for line in person.told)
    assert len(archives()) == 1


def test_the_network_can_be_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    """As often as wanted, without another answer; `n` leads to another image."""
    registry = GuardedRegistry(OWN, busy=2, is_open=True)
    with RudeServer(registry) as server:
        person = talked(f"{server.host}/demo/app:1.0", "", "", "y", "", "")
    assert person.asked.count("Try again? [Y/n] ") == 2
    assert sum("got 503" in line for line in person.told) == 2  # a port may be 15030
    assert len(archives()) == 1
    assert capsys.readouterr().err.count("got 503") == 0  # told once, by the dialogue
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        person = talked(f"127.0.0.1:{closed.getsockname()[1]}/demo/app:1.0", "", "n")
    assert person.asked[-1].startswith("Image")


def test_a_login_is_asked_for_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the registry wants one; the password goes there and nowhere else."""
    registry = GuardedRegistry(OWN)
    with RudeServer(registry) as server:
        name = f"{server.host}/demo/app:1.0"
        person = talked(name, "", f"{USER}:x", USER, PASSWORD, "", "", options=["--log-file", "guided.log"])
    assert person.secrets == [f"Password of {USER}: "]
    assert len(archives()) == 1
    assert len(set(registry.logins)) == 1
    assert person.told[-1].endswith(f"{name} -u {USER}")
    shown = capsys.readouterr()
    log = Path("guided.log").read_text(encoding="utf-8")
    assert f"pull {name}" in log
    assert found_in("\n".join([*person.told, *person.asked, shown.out, shown.err, log])) == []


def test_a_login_that_is_refused_leads_to_another_image() -> None:
    """It is not asked for again and again, which would lock an account."""
    with RudeServer(GuardedRegistry(OWN)) as server:
        person = talked(f"{server.host}/demo/app:1.0", "", USER, "wrong")
    assert sum("401" in line for line in person.told) == 2
    assert person.asked[-1].startswith("Image")
    with RudeServer(GuardedRegistry(OWN)) as server:
        name = f"{server.host}/demo/app:1.0"
        person = talked(name, "", "")  # no login at all
    assert (person.secrets, person.asked[-1]) == ([], f"Image [{name}]: ")
    assert not any("--password-stdin" in line for line in person.told)  # it is asked for just below


def test_a_file_in_the_way_can_be_moved(tmp_path: Path) -> None:
    """A disk's fault is told, and tried again."""
    with serve(store_of(OWN)) as server:
        name = f"{server.host}/demo/app:1.0"
        talked(name, "", "", "")
        target = Path(archives()[0])
        target.write_bytes(b"another")
        person = talked(name, "", "", "n")
    assert any("is there already" in line for line in person.told)
    assert "Try again? [Y/n] " in person.asked
    assert target.read_bytes() == b"another"


def test_the_configurations_mirrors_are_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file says is shown, and Enter takes it; an answer takes its place."""
    with serve(store_of(OWN)) as server, serve(store_of(OWN)) as other:
        text = f'[registries."registry.example"]\nmirrors = ["{server.host}"]\norigin = false\n'
        Path("c.toml").write_text(text, encoding="utf-8")
        monkeypatch.setenv("DOCKFERRY_CONFIG", "c.toml")
        person = talked("registry.example/demo/app:1.0", "", "", "")
        assert f"[{server.host}]" in person.asked[1]
        assert person.told[-1] == "The same without questions: dockferry pull registry.example/demo/app:1.0"
        Path(archives()[0]).unlink()
        person = talked("registry.example/demo/app:1.0", other.host, "", "")
    assert person.told[-1].endswith(f"demo/app:1.0 -r {other.host}")
    assert len(archives()) == 1


@pytest.mark.parametrize("answers", range(5))
def test_it_can_be_left_at_every_question(answers: int) -> None:
    """The end of input is no error, wherever it comes."""
    with serve(store_of_index(BOTH)) as server:
        lines = [f"{server.host}/demo/app:1.0", "", "1", ""][:answers]
        person = talked(*lines)
    assert len(person.asked) == answers + 1
    assert len(archives()) == (1 if answers == 4 else 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.data())
def test_any_answers_come_to_an_end(data: st.DataObject) -> None:
    """Whatever is typed, in whatever order: each line that is told is plain, and nothing is raised."""
    with serve(store_of_index(BOTH)) as server:
        name = f"{server.host}/demo/app:1.0"
        words = st.sampled_from([name, f"{name}x", "", "", "1", "2", "y", "n", server.host, "\x1b[2J\u202e"])
        person = talked(*data.draw(st.lists(words | st.text(max_size=8), max_size=14)))
    for line in person.told:
        assert_plain(line)


def test_facts_are_aligned_where_characters_are_wide() -> None:
    """In Chinese the values stand under each other too."""
    with serve(store_of(OWN)) as server:
        person = Person([f"{server.host}/demo/app:1.0", "", "n"])
        language.use("zh_CN")
        guide(person.talk, Counter(["--lang", "zh_CN"], ("dockferry", "pull")))
        names = [say("image"), say("digest"), say("platform"), say("size"), say("file")]
    facts = [line for name in names for line in person.told if line.startswith(f"{name}:")]
    assert len(facts) == 5
    starts = [line[: len(line) - len(line.partition(":")[2].lstrip())] for line in facts]
    assert len({cells.width(start) for start in starts}) == 1
    assert not "".join(names).isascii()


def test_an_order_is_a_command_line() -> None:
    """Its words in the order of the questions; the password is not among them, nor in its picture."""
    order = Order("nginx", ("a.example", "b.example"), "linux/arm64", "me", "hunter2")
    assert order.words == ["nginx", "-r", "a.example,b.example", "--platform", "linux/arm64", "-u", "me"]
    assert "hunter2" not in repr(order)


def test_what_a_chinese_keyboard_gives_is_understood() -> None:
    """Full-width colons, commas and digits are in no name: they are taken for what is meant."""
    with serve(store_of_index(BOTH)) as server, serve(store_of_index(BOTH)) as other:
        mirrors = f"{server.host}，{other.host}".replace(":", "：")
        person = talked("registry.example/demo/app：1.0", mirrors, "２", "ｙ", "")
    assert person.told[-1].endswith(f"registry.example/demo/app:1.0 -r {server.host},{other.host}")


def test_another_image_may_be_the_same(tmp_path: Path) -> None:
    """After a fault the name stands in brackets: Enter takes it again."""
    with serve(store_of(OWN)) as server:
        name = f"{server.host}/demo/app"
        person = talked(f"{name}:1.0", "", "n", "", "", "", "")
    assert person.asked.count(f"Image [{name}:1.0]: ") == 1
    assert len(archives()) == 1
