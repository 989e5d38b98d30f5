"""Pull into unpacked forms, whole: a tree, a tar of old, a tree beside an archive; interrupted, resumed, refused."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest
from support.child import child, signal_when, wait_for
from support.command import Command, environment
from support.images import make_image
from support.plain import all_kinds, gzipped, image_of, retyped, tar_of, tree_of, zstd_packed
from support.pulls import ACCESS, QUICK
from support.rude import RudeServer
from support.rude_registry import Ask, RudeRegistry
from support.served import store_of

import dockferry.usecases.verify
from dockferry import pull, verify
from dockferry.archive.tar import short_header
from dockferry.errors import ContentError, DiskError, UsageError
from dockferry.events import BlobDone, Event, Finished, Resumed, Unpacking, Warned
from dockferry.oci.digest import Digest
from dockferry.serve import Running, Served, serve
from dockferry.system.lock import only_one
from dockferry.usecases import standing

ROOT = Path(__file__).resolve().parents[1]
LAYERS = all_kinds(400_000)
IMAGE = image_of(LAYERS)
BIG = make_image([3_000_000, 0, 800_000, 1, 6_000_000], seed=5)
SIZE = sum(layer.size for layer in BIG.layers)
NAME = "registry.example:5000/demo/app:1.0"
STEM = "registry.example_5000_demo_app_1.0_amd64"
FORMS = {"layers": ["--format", "layers"], "legacy": ["--format", "docker-legacy"], "beside": ["--with-layers"]}
OPTIONS: Dict[str, Dict[str, Any]] = {
    "layers": {"format": "layers"},
    "legacy": {"format": "docker-legacy"},
    "beside": {"with_layers": True},
}
"""The same in a call."""


@pytest.fixture
def requests() -> List[Served]:
    return []


@pytest.fixture
def registry(requests: List[Served]) -> Iterator[Running]:
    with serve(store_of(IMAGE), on_request=requests.append) as running:
        yield running


@pytest.fixture
def slow() -> Iterator[Running]:
    with serve(store_of(BIG), rate=4e6) as running:
        yield running


@pytest.fixture
def fast() -> Iterator[Running]:
    with serve(store_of(BIG)) as running:
        yield running


def words(running: Running, form: str, *more: str) -> List[str]:
    return ["pull", NAME, "-r", f"http://{running.host}", "-a", "amd64", *FORMS[form], "--progress", "none", *more]


def contents(path: Path) -> Dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def blobs_asked(requests: List[Served]) -> List[str]:
    return [one.target for one in requests if "/blobs/" in one.target]


def test_the_manuals_tree(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """`NAME_layers/<12 digits>/layer.tar` of every kind of layer, each once, by its default name."""
    done = dockferry(*words(registry, "layers"))
    assert (done.code, done.stdout) == (0, f"{STEM}_layers\n"), done.stderr
    assert os.listdir(tmp_path) == [f"{STEM}_layers"]
    assert sorted(contents(tmp_path / f"{STEM}_layers").items()) == tree_of(IMAGE, LAYERS)


def test_the_tree_beside_the_archive(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """The archive is as ever, its path alone on standard output."""
    plain = dockferry.pull(NAME, "-r", f"http://{registry.host}", "-a", "amd64")
    done = dockferry(*words(registry, "beside", "-o", "x.tar"))
    assert (done.code, done.stdout) == (0, "x.tar\n"), done.stderr
    assert (tmp_path / "x.tar").read_bytes() == plain.read_bytes()
    assert sorted(contents(tmp_path / "x_layers").items()) == tree_of(IMAGE, LAYERS)
    assert sorted(os.listdir(tmp_path)) == sorted([plain.name, "x.tar", "x_layers"])


def test_the_tar_of_old(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """One file, which our own commands prove and show."""
    done = dockferry(*words(registry, "legacy"))
    assert (done.code, done.stdout) == (0, f"{STEM}.tar\n"), done.stderr
    assert os.listdir(tmp_path) == [f"{STEM}.tar"]
    for command in (["verify"], ["verify", "--deep"], ["inspect"]):
        shown = dockferry(*command, f"{STEM}.tar")
        assert shown.code == 0, shown.stderr
    assert verify(tmp_path / f"{STEM}.tar").layers == len(LAYERS)


@pytest.mark.parametrize("form", FORMS)
def test_bytes_do_not_depend_on_connections(fast: Running, dockferry: Command, tmp_path: Path, form: str) -> None:
    """One connection or twenty: the results are equal to the byte."""
    found = []
    for threads in ("1", "20"):
        (tmp_path / threads).mkdir()
        assert dockferry(*words(fast, form, "-o", threads, "-t", threads)).code == 0
        found.append(contents(tmp_path / threads))
    assert found[0] == found[1]
    assert found[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("form", FORMS)
def test_interrupted_and_run_again(
    slow: Running, fast: Running, dockferry: Command, tmp_path: Path, form: str, number: signal.Signals
) -> None:
    """At half: nothing has its final name, what was fetched is not fetched again, and the end is as undisturbed."""
    ended = signal_when(lambda: slow.sent > SIZE // 2, tmp_path, words(slow, form, "-t", "3"), number)
    assert ended.returncode == (130 if number == signal.SIGINT else -9)
    assert not (tmp_path / f"{STEM}.tar").exists()
    assert not (tmp_path / f"{STEM}_layers").exists()
    again = dockferry(*words(fast, form, "-t", "3"))
    assert again.code == 0, again.stderr
    assert slow.sent + fast.sent <= SIZE + 4 * (len(BIG.manifest) + BIG.config.size) + 3 * (512 * 1024 + 4_000_000)
    assert fast.sent < SIZE
    found = contents(tmp_path)
    (tmp_path / "undisturbed").mkdir()
    assert dockferry(*words(fast, form, "-o", "undisturbed")).code == 0
    assert found == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("form", FORMS)
def test_a_second_time_nothing_is_done(
    registry: Running, requests: List[Served], dockferry: Command, tmp_path: Path, form: str
) -> None:
    """What stands there is known again, and not one blob is asked for, nor with --force, when it is good."""
    assert dockferry(*words(registry, form)).code == 0
    before = {path: path.stat().st_ino for path in tmp_path.rglob("*")}
    for more in ([], ["--force"]):
        requests.clear()
        assert dockferry(*words(registry, form, *more)).code == 0
        assert [path for path in blobs_asked(requests) if str(IMAGE.config.digest) not in path] == []
    assert {path: path.stat().st_ino for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("form", FORMS)
def test_force_makes_anew_what_is_damaged(registry: Running, dockferry: Command, tmp_path: Path, form: str) -> None:
    """A spoilt layer is found and replaced, and all else is as it was."""
    assert dockferry(*words(registry, form)).code == 0
    wanted = contents(tmp_path)
    name = max((name for name in wanted if name.endswith(".tar")), key=lambda name: len(wanted[name]))
    with (tmp_path / name).open("r+b") as file:
        file.seek(len(wanted[name]) // 2)
        file.write(b"???")
    assert dockferry(*words(registry, form)).code == 0
    assert contents(tmp_path) != wanted
    assert dockferry(*words(registry, form, "--force")).code == 0
    assert contents(tmp_path) == wanted


def test_an_archive_that_is_there_gives_its_tree(
    registry: Running, requests: List[Served], dockferry: Command, tmp_path: Path
) -> None:
    """Without fetching a blob, nor the config: they stand in it."""
    archive = dockferry.pull(NAME, "-r", f"http://{registry.host}", "-a", "amd64")
    requests.clear()
    events: List[Event] = []
    result = pull(
        NAME,
        mirrors=[f"http://{registry.host}"],
        platform="linux/amd64",
        output=archive,
        with_layers=True,
        on_event=events.append,
    )
    assert blobs_asked(requests) == []
    assert result.layers == archive.with_name(f"{archive.stem}_layers")
    assert (result.received, result.fresh) == (0, False)
    assert sorted(contents(result.layers).items()) == tree_of(IMAGE, LAYERS)
    assert sorted({type(event).__name__ for event in events} - {"Unpacking"}) == ["Finished"]
    (told,) = (event for event in events if isinstance(event, Finished))
    assert (told.tree, told.target) == (str(result.layers), str(archive))
    assert all(isinstance(event, (Unpacking, Finished)) for event in events)


def test_a_damaged_archive_gives_no_tree(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """The layer is named, and what helps: which then does."""
    archive = dockferry.pull(NAME, "-r", f"http://{registry.host}", "-a", "amd64")
    data = archive.read_bytes()
    place = data.index(LAYERS[0].data) + 50_000
    archive.write_bytes(data[:place] + b"???" + data[place + 3 :])
    done = dockferry(*words(registry, "beside", "-o", archive.name))
    assert done.code == 6
    assert f"layer {IMAGE.layers[0].digest.short}: wanted" in done.stderr
    assert not archive.with_name(f"{archive.stem}_layers").exists()
    assert dockferry(*words(registry, "beside", "-o", archive.name, "--force")).code == 0
    assert archive.read_bytes() == data
    assert sorted(contents(archive.with_name(f"{archive.stem}_layers")).items()) == tree_of(IMAGE, LAYERS)


def test_a_tree_that_is_there_is_not_made_again(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """If only the archive is missing, that alone is made."""
    assert dockferry(*words(registry, "beside")).code == 0
    wanted = contents(tmp_path)
    (tmp_path / f"{STEM}.tar").unlink()
    before = (tmp_path / f"{STEM}_layers").stat().st_ino
    assert dockferry(*words(registry, "beside")).code == 0
    assert (tmp_path / f"{STEM}_layers").stat().st_ino == before
    assert contents(tmp_path) == wanted


@pytest.mark.parametrize("form", ["layers", "beside"])
def test_another_directory_of_that_name_stays(
    registry: Running, requests: List[Served], dockferry: Command, tmp_path: Path, form: str
) -> None:
    """Nothing is fetched, with --force or without, and nothing is removed."""
    (tmp_path / f"{STEM}_layers" / "photos").mkdir(parents=True)
    (tmp_path / f"{STEM}_layers" / "photos" / "one").write_bytes(b"mine")
    for more in ([], ["--force"]):
        requests.clear()
        done = dockferry(*words(registry, form, *more))
        assert done.code == 7
        assert "is there already and is not" in done.stderr
        assert [path for path in blobs_asked(requests) if str(IMAGE.config.digest) not in path] == []
    assert contents(tmp_path) == {f"{STEM}_layers/photos/one": b"mine"}


def test_a_tree_is_named_as_asked(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """In a directory that is there by its default name, elsewhere by the name that is given, and again the same."""
    (tmp_path / "images").mkdir()
    for output, place in (
        ("images", f"images/{STEM}_layers"),
        ("mine", "mine"),
        ("mine", "mine"),
        ("mine/", "mine/"),
    ):
        done = dockferry(*words(registry, "layers", "-o", output))
        assert done.stdout.rstrip("/\n") == place.rstrip("/"), done.stderr
    assert sorted(os.listdir(tmp_path)) == ["images", "mine"]
    assert sorted(contents(tmp_path / "mine").items()) == tree_of(IMAGE, LAYERS)


def test_a_download_goes_on_as_the_tar_of_old(
    slow: Running, fast: Running, dockferry: Command, tmp_path: Path
) -> None:
    """Begun as a usual archive, and then the other form turns out to be needed: nothing comes twice."""
    argv = ["pull", NAME, "-r", f"http://{slow.host}", "-a", "amd64", "--progress", "none", "-t", "2"]
    signal_when(lambda: slow.sent > SIZE // 2, tmp_path, argv, signal.SIGKILL)
    done = dockferry(*words(fast, "legacy", "-t", "2"))
    assert done.code == 0, done.stderr
    assert fast.sent < 0.7 * SIZE
    assert os.listdir(tmp_path) == [f"{STEM}.tar"]
    assert verify(tmp_path / f"{STEM}.tar").kind == "docker"


@pytest.mark.parametrize("form", FORMS)
def test_a_wrong_diff_id_is_no_result(dockferry: Command, tmp_path: Path, form: str) -> None:
    """Exit 6, with the layer, what was promised, what came and what to do; nothing has a final name."""
    layers = [gzipped(tar_of("a", 5000)), gzipped(tar_of("b", 5000))]
    wrong = [Digest.of(layers[0].plain), Digest.of(b"other")]
    with serve(store_of(image_of(layers, diff_ids=wrong))) as running:
        done = dockferry(*words(running, form))
    assert done.code == 6
    short = Digest.of(layers[1].data).short
    assert f"layer {short}: wanted the diff_id {wrong[1]}, got {Digest.of(layers[1].plain)}" in done.stderr
    assert "--format oci keeps it as it is" in done.stderr
    assert not (tmp_path / f"{STEM}.tar").exists()
    assert not (tmp_path / f"{STEM}_layers").exists()


@pytest.mark.parametrize("form", FORMS)
def test_an_artifact_has_no_layers_to_unpack(
    requests: List[Served], dockferry: Command, tmp_path: Path, form: str
) -> None:
    """A chart is told as wrong usage, before any blob is fetched but its config."""
    chart = retyped(IMAGE, "application/vnd.cncf.helm.config.v1+json")
    with serve(store_of(chart), on_request=requests.append) as running:
        done = dockferry(*words(running, form))
    assert done.code == 2
    assert "is no container image" in done.stderr
    assert len(blobs_asked(requests)) <= 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("form", FORMS)
def test_zstd_without_a_decompressor_is_told_before(
    registry: Running, requests: List[Served], tmp_path: Path, form: str
) -> None:
    """Wrong usage, with what to install, and not one layer was fetched; beside an archive, that archive alone."""
    code = "import sys; sys.modules['zstandard'] = None; from dockferry.cli.main import main; sys.exit(main())"
    if sys.version_info >= (3, 14):
        code = code.replace("import sys;", "import sys; sys.version_info = (3, 13);")
    done = subprocess.run(
        [sys.executable, "-c", code, *words(registry, form)],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "compressed with zstd" in done.stderr
    assert "pip install zstandard" in done.stderr
    if form == "beside":
        assert done.returncode == 0, done.stderr
        assert "without its layers beside it" in done.stderr
        assert os.listdir(tmp_path) == [f"{STEM}.tar"]
        return
    assert done.returncode == 2, done.stderr
    assert [path for path in blobs_asked(requests) if str(IMAGE.config.digest) not in path] == []
    assert os.listdir(tmp_path) == []


def test_zstd_layers_are_told_with_the_remedy(tmp_path: Path) -> None:
    """In the usual form, while the download begins; the remedy makes a tar without any."""
    image = image_of([zstd_packed(tar_of("a", 1000))])
    events: List[Event] = []
    with serve(store_of(image)) as running:
        name = f"{running.host}/demo/app:1.0"
        pull(name, output=tmp_path / "a.tar", on_event=events.append)
        (told,) = (event.message for event in events if isinstance(event, Warned))
        assert "23.0" in told
        assert "--format docker-legacy unpacks them" in told
        events.clear()
        pull(name, output=tmp_path / "b.tar", format="docker-legacy", on_event=events.append)
    assert not any(isinstance(event, Warned) for event in events)
    assert tar_of("a", 1000) in (tmp_path / "b.tar").read_bytes()


@pytest.mark.parametrize("format", ["oci-dir", "docker-legacy", "layers"])
def test_only_an_archive_has_a_tree_beside_it(registry: Running, tmp_path: Path, format: str) -> None:
    """Other forms say so, before anything is asked for."""
    with pytest.raises(UsageError, match="--with-layers: wanted a format of docker, oci, got"):
        pull(f"{registry.host}/demo/app:1.0", output=tmp_path / "x", format=format, with_layers=True)
    assert registry.sent == 0


def test_an_oci_archive_may_have_a_tree(registry: Running, tmp_path: Path) -> None:
    """As well as a docker one."""
    name = f"{registry.host}/demo/app:1.0"
    result = pull(name, output=tmp_path / "x", format="oci", with_layers=True, platform="linux/amd64")
    assert result.layers == tmp_path / "x_layers"
    assert sorted(contents(result.layers).items()) == tree_of(IMAGE, LAYERS)


def test_one_run_at_a_time_makes_a_tree(dockferry: Command, tmp_path: Path) -> None:
    """One that makes it beside an archive, and one that makes it alone."""
    with serve(store_of(BIG), rate=50_000) as crawling, child(tmp_path, *words(crawling, "beside")) as process:
        wait_for(lambda: crawling.sent > 100_000, process)
        done = dockferry(*words(crawling, "layers"))
        assert done.code == 7
        assert "is being written by another run" in done.stderr


def test_an_interrupted_download_is_resumed_with_its_layers(slow: Running, tmp_path: Path) -> None:
    """What was fetched is told as there; layers that had finished are the same files."""
    signal_when(lambda: slow.sent > 0.6 * SIZE, tmp_path, words(slow, "layers", "-t", "1"), signal.SIGKILL)
    part = tmp_path / f"{STEM}_layers.part"
    kept = {path.parent.name: path.stat().st_ino for path in part.rglob("layer.tar")}
    events: List[Event] = []
    result = pull(
        NAME,
        mirrors=[f"http://{slow.host}"],
        platform="linux/amd64",
        format="layers",
        output=tmp_path / f"{STEM}_layers",
        on_event=events.append,
    )
    assert any(isinstance(event, Resumed) and event.had > 0.4 * SIZE for event in events)
    assert result.received < 0.6 * SIZE
    assert {name: (result.path / name / "layer.tar").stat().st_ino for name in kept} == kept


@pytest.mark.parametrize("form", FORMS)
def test_a_kill_after_the_name_was_given_is_tidied(
    registry: Running, dockferry: Command, tmp_path: Path, form: str
) -> None:
    """What was fetched only to be unpacked, its journal, and what was replaced: gone with the next run."""
    assert dockferry(*words(registry, form)).code == 0
    wanted = contents(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    store = {"layers": f"{STEM}_layers.blobs", "legacy": f"{STEM}.tar", "beside": f"{STEM}.tar"}[form]
    with serve(store_of(IMAGE), rate=200_000) as running:
        signal_when(lambda: running.sent > 300_000, other, words(running, form), signal.SIGKILL)
    left = [".part", ".part.journal"] if form != "beside" else [".part.journal"]
    for ending in left:
        (other / (store + ending)).rename(tmp_path / (store + ending))
    if form == "beside":
        os.link(tmp_path / store, tmp_path / f"{store}.part")
    if form == "legacy":
        os.link(tmp_path / store, tmp_path / f"{store}.plain.part")
    done = dockferry(*words(registry, form))
    assert done.code == 0, done.stderr
    assert len(os.listdir(tmp_path)) == {"layers": 2, "legacy": 2, "beside": 3}[form]
    found = {name: data for name, data in contents(tmp_path).items() if not name.startswith("other/")}
    assert found == wanted


def test_another_forms_leavings_go_when_the_form_is_changed(
    registry: Running, dockferry: Command, tmp_path: Path
) -> None:
    """A kill of --format docker-legacy, then one of --with-layers, then the archive alone: nothing is beside it."""
    archive = f"{STEM}.tar"
    for _ in range(2):  # once with the archive to be made, and once where that is there already
        (tmp_path / f"{archive}.plain.part").write_bytes(b"half")
        (tmp_path / f"{archive}.plain.part.layers").mkdir()
        (tmp_path / f"{archive}.plain.part.layers" / "1").write_bytes(b"half")
        make_tree(registry, tmp_path / f"{STEM}_layers.part")
        done = dockferry("pull", NAME, "-r", f"http://{registry.host}", "-a", "amd64", "--progress", "none")
        assert done.code == 0, done.stderr
        assert "left as it is" not in done.stderr
        assert os.listdir(tmp_path) == [archive]


def make_tree(registry: Running, path: Path) -> Path:
    pull(NAME, mirrors=[f"http://{registry.host}"], platform="linux/amd64", format="layers", output=path)
    return path


def test_what_may_be_somebodys_stays_and_is_told(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """By its name an unfinished tree of ours, and by what is in it not; the archive is made all the same."""
    part = make_tree(registry, tmp_path / f"{STEM}_layers.part")
    (part / "notes").write_bytes(b"mine")
    before = contents(part)
    done = dockferry("pull", NAME, "-r", f"http://{registry.host}", "-a", "amd64", "--progress", "none")
    assert done.code == 0
    assert done.stderr.count(f"{part.name} is left as it is: wanted a layer tree") == 1
    assert contents(part) == before


@pytest.mark.parametrize("sign", ["its blobs are there", "it is being made"])
def test_a_tree_that_is_made_alone_is_another_target(registry: Running, tmp_path: Path, sign: str) -> None:
    """What `--format layers` began is not an archive's to remove."""
    part = make_tree(registry, tmp_path / "x_layers.part")
    before = contents(part)
    with contextlib.ExitStack() as held:
        if sign == "it is being made":
            held.enter_context(only_one(tmp_path / "x_layers.part.lock"))
        else:
            (tmp_path / "x_layers.blobs.part").write_bytes(b"half")
        mirrors = [f"http://{registry.host}"]
        pull(NAME, mirrors=mirrors, platform="linux/amd64", output=tmp_path / "x.tar")
    assert contents(part) == before


def test_what_cannot_be_removed_is_told_and_no_failure(fast: Running, registry: Running, tmp_path: Path) -> None:
    """A file of a file manager came into the tree that --force replaced: that stays, and all else goes."""
    tree = make_tree(registry, tmp_path / "x_layers")
    events: List[Event] = []

    def look_in(event: Event) -> None:
        events.append(event)
        if isinstance(event, BlobDone):
            (tree / ".DS_Store").write_text("seen")

    for fresh in (True, False):
        events.clear()
        name = f"{fast.host}/demo/app:1.0"
        result = pull(name, format="layers", output=tree, overwrite=True, on_event=look_in)
        assert result.fresh is fresh
        (told,) = (event.message for event in events if isinstance(event, Warned))
        assert f"{tree.name}.part.old is left as it is: wanted a layer tree" in told
        assert sorted(os.listdir(tmp_path)) == ["x_layers", "x_layers.part.old"]
    (tmp_path / "x_layers.part.old" / ".DS_Store").unlink()
    pull(f"{fast.host}/demo/app:1.0", format="layers", output=tree, overwrite=True)
    assert os.listdir(tmp_path) == ["x_layers"]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_removed_last_may_fail(
    registry: Running, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Success all the same: the store keeps its journal, by which the next run knows it and removes both."""
    real = Path.unlink

    def unlink(path: Path, *args: object, **more: Any) -> None:
        if path.name.endswith(".journal" if form == "beside" else ".part") and path.exists():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        real(path, *args, **more)

    options = dict(OPTIONS[form])
    options.update(mirrors=[f"http://{registry.host}"], platform="linux/amd64", output=tmp_path / "x")
    monkeypatch.setattr(Path, "unlink", unlink)
    assert pull(NAME, **options).fresh
    left = {"layers": {"x.blobs.part", "x.blobs.part.journal"}, "legacy": {"x.part", "x.part.journal"}}
    found = set(os.listdir(tmp_path)) - {"x", "x_layers", "x.part.lock", "x_layers.part.lock"}
    assert found == left.get(form, {"x.part.journal"})
    monkeypatch.undo()
    assert not pull(NAME, overwrite=True, **options).fresh
    assert set(os.listdir(tmp_path)) <= {"x", "x_layers"}


@pytest.mark.parametrize("form", FORMS)
def test_what_appears_meanwhile_is_not_replaced(registry: Running, tmp_path: Path, form: str) -> None:
    """A tree, or a file, that got the name while the layers were fetched: exit 7, and it stays."""
    name = "x_layers" if form == "beside" else "x"
    other = image_of([gzipped(tar_of("other", 100))])
    with serve(store_of(other)) as running:
        wanted = contents(make_tree(running, tmp_path / "made"))

    def appear(event: Event) -> None:
        if isinstance(event, BlobDone) and not (tmp_path / name).exists():
            if form == "legacy":
                (tmp_path / name).write_bytes(b"mine")
            else:
                (tmp_path / "made").rename(tmp_path / name)

    with pytest.raises(DiskError, match="is there already, and stays as it is"):
        pull(
            NAME,
            mirrors=[f"http://{registry.host}"],
            platform="linux/amd64",
            output=tmp_path / "x",
            on_event=appear,
            **OPTIONS[form],
        )
    if form == "legacy":
        assert (tmp_path / name).read_bytes() == b"mine"
    else:
        assert contents(tmp_path / name) == wanted


@pytest.mark.parametrize("damage", ["none", "archive", "tree"])
def test_force_reads_once(registry: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """What stands there is proved once, whatever is then made anew of it."""
    options: Dict[str, Any] = {"mirrors": [f"http://{registry.host}"], "platform": "linux/amd64"}
    pull(NAME, output=tmp_path / "x", with_layers=True, **options)
    wanted = contents(tmp_path)
    if damage != "none":
        spoilt = tmp_path / "x" if damage == "archive" else next((tmp_path / "x_layers").rglob("layer.tar"))
        data = spoilt.read_bytes()
        spoilt.write_bytes(data[: len(data) // 2] + b"???" + data[len(data) // 2 + 3 :])
    proved: List[str] = []
    monkeypatch.setattr(
        dockferry.usecases.verify, "verify", noted(proved, "archive", dockferry.usecases.verify.verify)
    )
    monkeypatch.setattr(standing, "is_good", noted(proved, "tree", standing.is_good))
    result = pull(NAME, output=tmp_path / "x", with_layers=True, overwrite=True, **options)
    assert sorted(proved) == ["archive", "tree"]
    assert result.fresh is (damage == "archive")
    assert contents(tmp_path) == wanted


def noted(calls: List[str], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        calls.append(name)
        return real(*args)

    return call


def test_a_damaged_tar_of_old_is_another_file(registry: Running, dockferry: Command, tmp_path: Path) -> None:
    """Whatever size its header says a layer has: it is in the way, and told so."""
    assert dockferry(*words(registry, "legacy")).code == 0
    path = tmp_path / f"{STEM}.tar"
    data = path.read_bytes()
    place = data.index(LAYERS[0].plain) - 512
    name = data[place : place + 100].rstrip(b"\0").decode()
    path.write_bytes(data[:place] + short_header(name, 1 << 70) + data[place + 512 :])
    done = dockferry(*words(registry, "legacy"))
    assert (done.code, done.stderr.count("\n")) == (7, 1)
    assert "is there already and is not the docker-legacy archive" in done.stderr
    assert dockferry(*words(registry, "legacy", "--force")).code == 0
    assert path.read_bytes() == data


def test_the_disk_is_looked_at_before(fast: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for the packed layers twice, at least: once as they come, once unpacked."""
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: (10**12, 0, int(1.5 * SIZE)))
    for format in ("layers", "docker-legacy"):
        with pytest.raises(DiskError, match=r"wanted 19\.6 MB free"):
            pull(f"{fast.host}/demo/app:1.0", output=tmp_path / "x", format=format)
        assert os.listdir(tmp_path) == []
    pull(f"{fast.host}/demo/app:1.0", output=tmp_path / "x")


def test_a_layer_with_two_diff_ids_is_told_before(requests: List[Served], tmp_path: Path) -> None:
    """The config contradicts itself: no layer is fetched."""
    layer = gzipped(tar_of("a", 5000))
    image = image_of([layer, layer], diff_ids=[Digest.of(layer.plain), Digest.of(b"other")])
    with serve(store_of(image), on_request=requests.append) as running, pytest.raises(
        ContentError, match="one diff_id"
    ):
        pull(f"{running.host}/demo/app:1.0", output=tmp_path / "x", format="layers")
    assert len(blobs_asked(requests)) == 1


@pytest.mark.parametrize(
    ("more", "made"),
    [
        ([], [f"{STEM}.tar", f"{STEM}_layers"]),
        (["--with-layers"], [f"{STEM}.tar", f"{STEM}_layers"]),
        (["--format", "docker"], [f"{STEM}.tar", f"{STEM}_layers"]),
        (["--format=layers"], [f"{STEM}_layers"]),
        (["--format", "docker-legacy"], [f"{STEM}.tar"]),
    ],
)
def test_the_manuals_command_makes_the_tree(
    registry: Running, tmp_path: Path, more: List[str], made: List[str]
) -> None:
    """Beside the archive, as the manual promises; where another form is asked for, that alone."""
    script = ROOT / "docker_image_puller.py"
    argv = [sys.executable, str(script), NAME, "-r", f"http://{registry.host}", "-t", "4", "-a", "amd64", *more]
    done = subprocess.run(argv, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path)) == sorted([*made, "docker_puller.log"])
    for name in made:
        if name.endswith("_layers"):
            assert sorted(contents(tmp_path / name).items()) == tree_of(IMAGE, LAYERS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_unpacking_is_interrupted_and_goes_on(
    dockferry: Command, tmp_path: Path, number: signal.Signals, requests: List[Served]
) -> None:
    """All is fetched, and a layer half unpacked: the next run asks for no byte of it."""
    layers = [gzipped(tar_of("small", 5000)), gzipped(tar_of("zeros", 200_000_000, fill=True))]
    image = image_of(layers)
    part = tmp_path / f"{STEM}_layers.part"
    half = part / image.layers[1].digest.short / "layer.tar.part"
    with serve(store_of(image), on_request=requests.append) as running:
        argv = words(running, "layers")
        ended = signal_when(lambda: half.exists() and half.stat().st_size > 3_000_000, tmp_path, argv, number)
        assert ended.returncode == (130 if number == signal.SIGINT else -9)
        assert part.is_dir()
        assert not (tmp_path / f"{STEM}_layers").exists()
        requests.clear()
        again = dockferry(*words(running, "layers"))
        assert again.code == 0, again.stderr
        assert [one for one in blobs_asked(requests) if str(image.config.digest) not in one] == []
    assert sorted(contents(tmp_path / f"{STEM}_layers").items()) == tree_of(image, layers)
    assert os.listdir(tmp_path) == [f"{STEM}_layers"]


@pytest.mark.parametrize("form", FORMS)
def test_an_image_without_layers_has_none(dockferry: Command, tmp_path: Path, form: str) -> None:
    """It is made all the same, and known again."""
    image = image_of([])
    with serve(store_of(image)) as running:
        for _ in range(2):
            done = dockferry(*words(running, form))
            assert done.code == 0, done.stderr
    if form != "legacy":
        assert sorted(contents(tmp_path / f"{STEM}_layers").items()) == tree_of(image, [])
    else:
        assert verify(tmp_path / f"{STEM}.tar").layers == 0


@pytest.mark.parametrize("command", [["verify"], ["inspect"]])
def test_a_tree_is_no_archive(registry: Running, dockferry: Command, command: List[str]) -> None:
    """Nor damaged: what proves it is said."""
    assert dockferry(*words(registry, "layers")).code == 0
    done = dockferry(*command, f"{STEM}_layers")
    assert done.code == 2
    assert "got a layer tree; the same pull with --force proves it" in done.stderr


@pytest.mark.parametrize("form", [{"format": "layers"}, {"format": "docker-legacy"}, {"with_layers": True}], ids=str)
@pytest.mark.parametrize("threads", [1, 6])
def test_wrong_bytes_on_the_way_are_not_unpacked(
    registry: Running, tmp_path: Path, form: Dict[str, Any], threads: int
) -> None:
    """A server that gives wrong bits, and cuts its replies: the layers are as from one that does not."""

    def fault(ask: Ask) -> None:
        if ask.chance(0.2):
            ask.cut(0.7)
        else:
            ask.give(flip=ask.number < 12 and ask.chance(0.5, 1))

    def pulled(place: str, mirror: str) -> Dict[str, bytes]:
        (tmp_path / place).mkdir()
        options = {"access": ACCESS, "retry": QUICK, "threads": threads, "platform": "linux/amd64", **form}
        pull(NAME, mirrors=[mirror], output=tmp_path / place / "x", **options)
        return contents(tmp_path / place)

    rude = RudeRegistry(IMAGE, fault)
    with RudeServer(rude) as server:
        rude.ending = server.ending
        found = pulled("rude", server.url)
    assert rude.sent > sum(len(one) for one in {layer.data for layer in LAYERS})
    assert found == pulled("honest", f"http://{registry.host}")


MEMORY = """
    import resource, sys
    from dockferry import pull
    name, mirror, format = sys.argv[1:]
    pull(name, mirrors=[mirror], output="warm", format="docker", platform="linux/amd64")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pull(name, mirrors=[mirror], output="out", format=format, platform="linux/amd64")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("format", ["layers", "docker-legacy"])
def test_memory_does_not_grow_with_a_layer(tmp_path: Path, format: str) -> None:
    """Layers of 300 MB from few packed bytes: a few megabytes more than a pull that unpacks nothing takes."""
    layers = [gzipped(tar_of(name, 100_000_000, fill=True)) for name in ("one", "two", "three")]
    code = "\n".join(line[4:] for line in MEMORY.splitlines())
    with serve(store_of(image_of(layers))) as running:
        done = subprocess.run(
            [sys.executable, "-c", code, NAME, f"http://{running.host}", format],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=100,
            check=True,
        )
    assert int(done.stdout) < 30_000
