"""Pull, whole: one archive to the byte, however it was interrupted, from wherever it came, and never a half one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator, List, Sequence, Tuple

import pytest
from support.child import child, signal_when, unanswered, wait_for
from support.command import Command, environment
from support.images import make_image
from support.require import require_namespaces
from support.served import store_of

from dockferry import pull
from dockferry.errors import ContentError, DiskError
from dockferry.events import Event, Finished, Resumed, Warned
from dockferry.oci.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from dockferry.oci.digest import Digest
from dockferry.serve import Blob, ImageStore, Running, Served, memory_blob, serve

IMAGE = make_image([3_000_000, 0, 800_000, 1, 6_000_000], seed=5)
SIZE = sum(layer.size for layer in IMAGE.layers)
CHUNK = 512 * 1024


@pytest.fixture
def requests() -> List[Served]:
    return []


@pytest.fixture
def slow(requests: List[Served]) -> Iterator[Running]:
    """The image at 4 MB/s for each connection."""
    with serve(store_of(IMAGE), rate=4e6, on_request=requests.append) as running:
        yield running


@pytest.fixture
def fast(requests: List[Served]) -> Iterator[Running]:
    with serve(store_of(IMAGE), on_request=requests.append) as running:
        yield running


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive's bytes, pulled undisturbed over one connection from a registry of another address."""
    with serve(store_of(IMAGE), address="127.0.0.2") as running:
        mirror = running.host
        path = pull(
            "registry.example:5000/demo/app:1.0",
            mirrors=[f"http://{mirror}"],
            threads=1,
            output=tmp_path_factory.mktemp("wanted") / "a.tar",
        ).path
    return path.read_bytes()


NAME = "registry.example:5000/demo/app:1.0"


def args(running: Running, *more: str) -> List[str]:
    """The same image by its own name, whatever the port that serves it."""
    return ["pull", NAME, "-r", f"http://{running.host}", "-o", "a.tar", "--progress", "none", *more]


@pytest.mark.parametrize("threads", ["1", "2", "20"])
def test_bytes_do_not_depend_on_connections(
    fast: Running, dockferry: Command, tmp_path: Path, wanted: bytes, threads: str
) -> None:
    """One connection or twenty: the archives are equal to the byte."""
    assert dockferry(*args(fast, "-t", threads)).code == 0
    assert (tmp_path / "a.tar").read_bytes() == wanted
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("a.tar")] == ["a.tar"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("threads", [1, 6])
def test_interrupted_and_run_again(
    slow: Running,
    fast: Running,
    dockferry: Command,
    tmp_path: Path,
    wanted: bytes,
    number: signal.Signals,
    threads: int,
) -> None:
    """Ctrl-C, SIGTERM or SIGKILL at half: the next run fetches what was in flight again, no more, and ends equal."""
    connections = ("-t", str(threads))
    ended = signal_when(lambda: slow.sent > SIZE // 2, tmp_path, args(slow, *connections), number)
    if number == signal.SIGKILL:
        assert ended.returncode == -9
    else:
        assert ended.returncode == 130
        assert "run the same command again" in ended.stderr
    assert not (tmp_path / "a.tar").exists()
    assert (tmp_path / "a.tar.part.journal").exists()
    assert dockferry(*args(fast, *connections)).code == 0
    assert (tmp_path / "a.tar").read_bytes() == wanted
    documents = 4 * (len(IMAGE.manifest) + IMAGE.config.size)
    # What the server sent into sockets that were then closed is its word for "in flight": a buffer on either side.
    assert slow.sent + fast.sent <= SIZE + documents + threads * (CHUNK + 4_000_000)


@pytest.mark.row(48)
def test_killed_again_and_again(slow: Running, dockferry: Command, tmp_path: Path, wanted: bytes) -> None:
    """SIGKILL every few hundred kilobytes: every run adds to what is there, and the end is equal."""
    argv = args(slow, "-t", "3")
    for _ in range(6):
        before = slow.sent
        signal_when(lambda before=before: slow.sent > before + SIZE // 12, tmp_path, argv, signal.SIGKILL)  # type: ignore[misc]
    assert dockferry(*argv).code == 0
    assert (tmp_path / "a.tar").read_bytes() == wanted


@pytest.mark.row(51)
def test_interrupt_is_prompt(tmp_path: Path) -> None:
    """Ctrl-C while every connection is silent ends the program in about a second."""
    with unanswered(tmp_path) as process:
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 130
        assert time.monotonic() - began < 2.0


DEAF = """
import signal, sys, threading
from dockferry.cli.main import main
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
sys.exit(main(sys.argv[1:]))
"""
"""The command line, only that another thread gets the signal: the main thread's system calls do not end by it."""


@pytest.mark.row(51)
@pytest.mark.parametrize("argv", [("pull",), ("tags",), ("pull", "--retry-base", "60")])
def test_an_interrupt_that_wakes_nobody_is_heard(tmp_path: Path, argv: Sequence[str]) -> None:
    """As on Windows, and where it comes just before the wait begins: the program ends soon all the same."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with child(tmp_path, argv[0], f"{host}/a/b", *argv[1:], program=["-c", DEAF]) as process:
            connection, _ = listener.accept()
            connection.recv(1)
            if argv[1:]:
                connection.close()  # and the next try is waited for
                listener.accept()[0].close()
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
            assert process.returncode == 130
            assert time.monotonic() - began < 2.0
            connection.close()


@pytest.mark.row(50)
def test_two_runs_one_target(dockferry: Command, tmp_path: Path, wanted: bytes) -> None:
    """A second run on the same target leaves at once with exit 7 and a reason; the first is not disturbed."""
    with serve(store_of(IMAGE), rate=2e6) as crawling, child(tmp_path, *args(crawling, "-t", "1")) as first:
        argv = args(crawling)
        wait_for(lambda: crawling.sent > 100_000, first)
        second = dockferry(*argv)
        assert second.code == 7
        assert "another run" in second.stderr
        assert first.wait(60) == 0
    assert (tmp_path / "a.tar").read_bytes() == wanted


def test_already_there(fast: Running, requests: List[Served], dockferry: Command, tmp_path: Path) -> None:
    """Once the archive stands, the same command costs one request and no blob byte."""
    argv = args(fast)
    assert dockferry(*argv).code == 0
    requests.clear()
    again = dockferry(*argv)
    assert again.code == 0
    assert again.stdout.strip() == "a.tar"
    assert [(one.method, one.target.rpartition("/")[2]) for one in requests] == [("GET", "1.0")]


def test_a_damaged_archive_is_not_taken_for_done(fast: Running, dockferry: Command, tmp_path: Path) -> None:
    """A final file that is cut or is another's is not overwritten unasked, and not called done."""
    (tmp_path / "a.tar").write_bytes(b"mine")
    refused = dockferry(*args(fast))
    assert refused.code == 7
    assert "--force" in refused.stderr
    assert (tmp_path / "a.tar").read_bytes() == b"mine"
    assert dockferry(*args(fast, "--force")).code == 0
    assert dockferry("verify", "--deep", "a.tar").code == 0


def test_force_mends(fast: Running, requests: List[Served], dockferry: Command, tmp_path: Path) -> None:
    """--force proves the archive that is there: a good one costs no blob, one with a wrong byte is replaced."""
    archive = tmp_path / "a.tar"
    assert dockferry(*args(fast)).code == 0
    good = archive.read_bytes()
    requests.clear()
    assert "fetched: nothing" in dockferry(*args(fast, "--force")).stderr
    assert len(requests) == 1
    archive.write_bytes(good[: SIZE // 2] + bytes([good[SIZE // 2] ^ 1]) + good[SIZE // 2 + 1 :])
    broken = dockferry("verify", "a.tar")
    assert broken.code == 6
    assert "--force" in broken.stderr
    assert dockferry(*args(fast, "--force")).code == 0
    assert archive.read_bytes() == good


def test_the_file_in_the_way_is_told_by_name_and_format(fast: Running, dockferry: Command, tmp_path: Path) -> None:
    """The same image in another format is in the way, and the message does not deny that it is the same image."""
    assert dockferry(*args(fast)).code == 0
    refused = dockferry(*args(fast, "--format", "oci"))
    assert refused.code == 7
    assert (
        "a.tar is there already and is not the oci archive of registry.example:5000/demo/app:1.0, " in refused.stderr
    )


@pytest.fixture(scope="module")
def killed_late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run over one connection was killed with nine tenths of the image there."""
    directory = tmp_path_factory.mktemp("killed")
    with serve(store_of(IMAGE), rate=4e6) as running:
        argv = args(running, "-t", "1")
        signal_when(lambda: running.sent > SIZE * 9 // 10, directory, argv, signal.SIGKILL)
    return directory


@pytest.mark.parametrize("damage", ["truncate", "zero", "remove", "garbage"])
@pytest.mark.row(44)
def test_journal_lost(fast: Running, killed_late: Path, tmp_path: Path, wanted: bytes, damage: str) -> None:
    """A lost or broken journal costs no wrong byte, and whole layers in the unfinished file are not fetched again."""
    journal = tmp_path / "a.tar.part.journal"
    for name in ("a.tar.part", journal.name):
        shutil.copy(killed_late / name, tmp_path)
    if damage == "truncate":
        journal.write_bytes(journal.read_bytes()[: journal.stat().st_size // 2])
    elif damage == "zero":
        journal.write_bytes(bytes(journal.stat().st_size))
    elif damage == "garbage":
        journal.write_bytes(os.urandom(5000))
    else:
        journal.unlink()
    events: List[Event] = []
    result = pull(NAME, mirrors=[f"http://{fast.host}"], output=tmp_path / "a.tar", on_event=events.append)
    assert result.path.read_bytes() == wanted
    assert fast.sent < SIZE


@pytest.mark.row(45)
def test_unfinished_file_edited(slow: Running, tmp_path: Path, wanted: bytes) -> None:
    """A byte edited between two runs is found before publishing, wherever it is."""
    argv = args(slow, "-t", "2")
    signal_when(lambda: slow.sent > SIZE // 2, tmp_path, argv, signal.SIGKILL)
    with open(tmp_path / "a.tar.part", "r+b") as part:
        for place in (600, 20_000, 3_100_000):
            part.seek(place)
            part.write(b"EDITED")
    events: List[Event] = []
    result = pull(NAME, mirrors=[f"http://{slow.host}"], output=tmp_path / "a.tar", on_event=events.append)
    assert result.path.read_bytes() == wanted
    assert any(isinstance(event, Resumed) for event in events)
    assert any(isinstance(event, Warned) and re.search("fetching .* again", event.message) for event in events)


@pytest.mark.rule(8)
def test_wrong_content_is_never_published(tmp_path: Path) -> None:
    """A registry whose blob is not what its digest says: ContentError with blob and host, and no final file."""
    store = store_of(IMAGE)
    bad = bytearray(IMAGE.blobs[IMAGE.layers[0].digest])
    bad[1000] ^= 1
    store.add_blob("demo/app", IMAGE.layers[0].digest, memory_blob(bytes(bad)))
    with serve(store) as running, pytest.raises(ContentError) as caught:
        pull(f"{running.host}/demo/app:1.0", output=tmp_path / "a.tar")
    assert str(IMAGE.layers[0].digest) in str(caught.value)
    assert running.host in str(caught.value)
    assert not (tmp_path / "a.tar").exists()


def test_a_moved_tag_starts_its_own_archive(fast: Running, tmp_path: Path) -> None:
    """An unfinished archive of another digest under the same name leaves no byte in the new one."""
    store = store_of(IMAGE)
    other = make_image([2_000_000], seed=9)
    with serve(store, rate=4e6) as running:
        signal_when(lambda: running.sent > SIZE // 2, tmp_path, args(running), signal.SIGKILL)
        for digest, data in other.blobs.items():
            store.add_blob("demo/app", digest, memory_blob(data))
        store.add_manifest("demo/app", other.manifest, other.media_type, "1.0")
        result = pull(NAME, mirrors=[f"http://{running.host}"], output=tmp_path / "a.tar")
    assert result.digest == str(other.digest)
    with serve(store_of(other)) as running:
        clean = pull(NAME, mirrors=[f"http://{running.host}"], output=tmp_path / "b.tar")
    assert result.path.read_bytes() == clean.path.read_bytes()


@pytest.mark.parametrize("format", ["docker", "oci", "oci-dir"])
def test_each_format_resumes_and_verifies(slow: Running, dockferry: Command, tmp_path: Path, format: str) -> None:
    """Every format is killed at half, resumed, verified, and the same as undisturbed."""
    argv = [*args(slow, "--format", format), "-t", "4"]
    signal_when(lambda: slow.sent > SIZE // 2, tmp_path, argv, signal.SIGKILL)
    assert dockferry(*argv).code == 0
    assert dockferry("verify", "--deep", "a.tar").code == 0
    left = {path.name for path in tmp_path.iterdir()} | {path.name for path in (tmp_path / "a.tar").glob("*")}
    assert not [name for name in left if "part" in name or name == ".dockferry"]


def test_a_directory_takes_a_second_image(fast: Running, dockferry: Command, tmp_path: Path) -> None:
    """An existing layout gets another image added; shared layers are not fetched, both verify."""
    assert dockferry(*args(fast, "--format", "oci-dir")).code == 0
    store = store_of(IMAGE, "demo/app", "1.0", "2.0")
    sent: List[Served] = []
    with serve(store, on_request=sent.append) as running:
        second = ["pull", f"{running.host}/demo/app:2.0", "-o", "a.tar", "--format", "oci-dir", "--progress", "none"]
        assert dockferry(*second).code == 0
    assert not [one for one in sent if str(IMAGE.layers[0].digest) in one.target]
    index = json.loads((tmp_path / "a.tar" / "index.json").read_text())
    assert len(index["manifests"]) == 2
    assert dockferry("verify", "--deep", "a.tar").code == 0


BLOCK = random.Random(3).getrandbits(8 * 4_000_037).to_bytes(4_000_037, "little")
"""Of a length that no offset is a multiple of, so that a misplaced byte shows."""


def huge_blob(size: int) -> Tuple[Digest, Blob]:
    """A blob of `size` bytes that is in no memory and on no disk: one block over and over."""
    hasher = hashlib.sha256()
    for start in range(0, size, len(BLOCK)):
        hasher.update(memoryview(BLOCK)[: size - start])

    @contextlib.contextmanager
    def opened() -> Iterator[object]:
        def send(out: socket.socket, start: int, end: int) -> None:
            while start < end:
                inside = start % len(BLOCK)
                part = memoryview(BLOCK)[inside : inside + end - start]
                out.sendall(part)
                start += len(part)

        yield send

    return Digest("sha256", hasher.hexdigest()), Blob(size, opened)  # type: ignore[arg-type]


def huge_store(size: int) -> ImageStore:
    store = ImageStore()
    digest, blob = huge_blob(size)
    store.add_blob("demo/app", digest, blob)
    document = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [str(digest)]}}
    config = json.dumps(document).encode()
    described = Descriptor(OCI_CONFIG, Digest.of(config), len(config))
    store.add_blob("demo/app", described.digest, memory_blob(config))
    layer = Descriptor("application/vnd.oci.image.layer.v1.tar", digest, size)
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described.to_json()}
    raw = json.dumps({**manifest, "layers": [layer.to_json()]}).encode()
    store.add_manifest("demo/app", raw, OCI_MANIFEST, "1.0")
    return store


def test_a_huge_layer_killed_at_half(dockferry: Command, tmp_path: Path) -> None:
    """1.2 GB in one layer, SIGKILL at half: at most one buffer for each connection is fetched twice."""
    size, threads = 1_200_000_000, 8
    with serve(huge_store(size)) as running:
        argv = args(running, "-t", str(threads))
        signal_when(lambda: running.sent > size // 2, tmp_path, argv, signal.SIGKILL)
        claimed = claims(tmp_path / "a.tar.part.journal")
        events: List[Event] = []
        mirrors = [f"http://{running.host}"]
        pull(NAME, mirrors=mirrors, threads=threads, output=tmp_path / "a.tar", on_event=events.append)
        received = next(event.received for event in events if isinstance(event, Finished))
        assert received <= size - claimed + threads * CHUNK
        again = next(event.had for event in events if isinstance(event, Resumed))
        assert again == claimed
        # What had been sent when it was killed and is not claimed was in flight: the system's buffers on both sides,
        # full where connections wait for the hash.
        assert claimed >= size // 2 - threads * (CHUNK + 12_000_000)
    assert (tmp_path / "a.tar").stat().st_size > size


def claims(journal: Path) -> int:
    """How many bytes of the one blob the journal claims, read without our own reader."""
    had = set()
    for line in journal.read_text().splitlines():
        words = line.split()
        if len(words) == 5 and words[1] == "h":
            had.add((int(words[3]), int(words[4])))
    total, reached = 0, 0
    for start, end in sorted(had):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def test_full_disk(fast: Running, tmp_path: Path) -> None:
    """Not enough room: exit 7 with what is needed and free, before a byte is fetched, and nothing is left."""
    require_namespaces()
    script = f'mount -t tmpfs -o size=4m none {tmp_path} && cd {tmp_path} && exec "$@" && false'

    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", sys.executable, "-m", "dockferry", *args(fast)],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 7, done.stderr
    assert "free" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "code", "word"),
    [
        (["pull", "UPPER/case"], 2, "did you mean"),
        (["pull", "a/b", "-t", "21"], 2, "20"),
        (["pull", "a/b", "--platform", "x/y/z/w"], 2, "platform"),
        (["pull", "HOST/demo/app:none"], 3, "none"),
        (["pull", "HOST/demo/none:1.0"], 3, "none"),
        (["pull", "HOST/demo/app:1.0", "--platform", "linux/s390x"], 3, "linux/amd64"),
        (["pull", "127.0.0.1:1/a/b", "--retries", "1"], 5, "refused"),
        (["pull", "127.0.0.1:1/a/b", "-o", "nowhere/a.tar"], 7, "make the directory first"),
        (["pull", "127.0.0.1:1/a/b", "-o", "nowhere/a", "--format", "oci-dir"], 7, "make the directory first"),
        (["pull", "HOST/demo/app:1.0", "-o", "/proc/a.tar"], 7, "/proc"),
        (["pull", "HOST/demo/app:1.0", "-o", 300 * "x"], 7, "choose a shorter name"),
        (["verify", "missing.tar"], 7, "missing.tar"),
    ],
)
@pytest.mark.row(57)
def test_bad_input_is_one_line(fast: Running, dockferry: Command, argv: List[str], code: int, word: str) -> None:
    """Wrong names, hosts, platforms, paths: one line with what and why, the documented exit code, no file."""
    done = dockferry(*[part.replace("HOST", fast.host) for part in argv], "-q")
    assert done.code == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert word in lines[-1]
    assert len(lines) == 1
    assert lines[0].startswith("dockferry: ")
    assert done.stdout == ""
    assert not list(dockferry.directory.glob("*.tar*"))


def test_disk_error_is_typed(fast: Running, tmp_path: Path) -> None:
    """The same from Python: DiskError, before anything is fetched."""
    with pytest.raises(DiskError):
        pull(f"{fast.host}/demo/app:1.0", output=tmp_path / "no" / "a.tar")
    assert fast.sent < 10_000


def test_zstd_layers_are_told(tmp_path: Path) -> None:
    """Layers that an old Docker cannot load are named while the download begins, not when it is carried away."""
    store = store_of(IMAGE)
    store.add_manifest("demo/app", IMAGE.manifest.replace(b"tar+gzip", b"tar+zstd"), OCI_MANIFEST, "zstd")
    events: List[Event] = []
    with serve(store) as running:
        pull(f"{running.host}/demo/app:zstd", output=tmp_path / "a.tar", on_event=events.append)
    assert any(isinstance(event, Warned) and "23.0" in event.message for event in events)
