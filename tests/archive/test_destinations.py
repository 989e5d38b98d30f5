"""Destinations: one suite that a tar and a layout directory both pass, then what each has of its own."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
from support.archives import NAME, content_of, fill, make_archive, plan_of, read_back
from support.images import MadeImage, make_image

from dockferry.archive.archive_file import ArchiveFile
from dockferry.archive.layout_dir import LayoutDir
from dockferry.errors import ContentError, DiskError
from dockferry.oci.reference import Reference
from dockferry.system.random_access import PositionalFile, SeekingFile
from dockferry.usecases.verify import verify

Make = Callable[[MadeImage], Any]


@pytest.fixture
def image() -> MadeImage:
    return make_image([3000, 0, 70_000])


@pytest.fixture(params=["tar", "dir"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes a destination of one kind, always at the same place."""
    if request.param == "tar":
        return lambda image: ArchiveFile(tmp_path / "out", plan_of(image))
    return lambda image: LayoutDir(tmp_path / "out", content_of(image))


def test_a_filled_destination_is_published_whole(make: Make, image: MadeImage, tmp_path: Path) -> None:
    """After publish the archive verifies to its diff_ids, and nothing unfinished is left."""
    destination = make(image)
    destination.open()
    assert not destination.existed
    fill(destination, image)
    destination.sync()
    destination.publish()
    destination.close()
    assert verify(tmp_path / "out", deep=True).layers == 3
    assert [path for path in tmp_path.rglob("*") if "part" in path.name or path.name == ".dockferry"] == []


def test_nothing_is_seen_before_publish(make: Make, image: MadeImage, tmp_path: Path) -> None:
    """The final name, or the index, is there only when all is."""
    destination = make(image)
    destination.open()
    fill(destination, image)
    destination.sync()
    assert not (tmp_path / "out").is_file()
    assert not (tmp_path / "out" / "index.json").exists()
    destination.close()


def test_bytes_come_back_as_written(make: Make, image: MadeImage) -> None:
    """Any order, any pieces: what was put at an offset is read there, and no read leaves its blob."""
    destination = make(image)
    destination.open()
    for blob in destination.blobs:
        data = image.blobs[blob.digest]
        for start in reversed(range(0, blob.size, 1000)):
            destination.write(blob, start, memoryview(data)[start : start + 1000])
    for blob in destination.blobs:
        assert read_back(destination, blob) == image.blobs[blob.digest]
        assert destination.readinto(blob, blob.size, memoryview(bytearray(10))) == 0
        assert destination.readinto(blob, blob.size - 1, memoryview(bytearray(10))) == 1
    destination.close()


def test_threads_write_at_once(make: Make, image: MadeImage, tmp_path: Path) -> None:
    """Eight threads on interleaved ranges of every blob lose nothing."""
    destination = make(image)
    destination.open()

    def work(place: int) -> None:
        for blob in destination.blobs:
            data = memoryview(image.blobs[blob.digest])
            for start in range(place * 500, blob.size, 4000):
                destination.write(blob, start, data[start : start + 500])

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    destination.publish()
    verify(tmp_path / "out", deep=True)


def test_bytes_outside_a_blob_are_refused(make: Make, image: MadeImage) -> None:
    """Too much from a server never lands beside its blob."""
    destination = make(image)
    destination.open()
    blob = destination.blobs[0]
    for offset, length in [(0, blob.size + 1), (blob.size, 1), (-1, 1)]:
        with pytest.raises(ContentError):
            destination.write(blob, offset, memoryview(bytes(length)))
    stranger = make_image([5], seed=9).layers[0]
    with pytest.raises(ContentError, match="not part of this"):
        destination.write(stranger, 0, memoryview(b"x"))
    destination.close()


def test_an_unfinished_run_is_found_again(make: Make, image: MadeImage, tmp_path: Path) -> None:
    """Closed without publish, the next run has the bytes, and can finish with the rest."""
    first = make(image)
    first.open()
    blob = first.blobs[2]
    first.write(blob, 0, memoryview(image.blobs[blob.digest])[:5000])
    first.close()
    second = make(image)
    second.open()
    assert second.existed
    view = bytearray(5000)
    assert second.readinto(blob, 0, memoryview(view)) == 5000
    assert bytes(view) == image.blobs[blob.digest][:5000]
    fill(second, image)
    second.publish()
    verify(tmp_path / "out")


def test_interruption_does_not_change_the_bytes(make: Make, image: MadeImage, tmp_path: Path) -> None:
    """Two ways to the same image give the same files, byte for byte."""
    results = []
    for is_interrupted in (False, True):
        destination = make(image)
        destination.open()
        if is_interrupted:
            destination.write(destination.blobs[0], 7, memoryview(b"wrong bytes"))
            destination.close()
            destination = make(image)
            destination.open()
        fill(destination, image)
        destination.publish()
        results.append(snapshot(tmp_path / "out"))
        (tmp_path / "out").rename(tmp_path / f"out{is_interrupted}")
    assert results[0] == results[1]


def test_a_missing_parent_is_said_at_once(image: MadeImage, tmp_path: Path) -> None:
    """Before anything is downloaded."""
    for destination in (
        ArchiveFile(tmp_path / "no" / "out", plan_of(image)),
        LayoutDir(tmp_path / "no" / "out", content_of(image)),
    ):
        with pytest.raises(DiskError, match="No such file or directory; make the directory first"):
            destination.open()


def test_identities_tell_images_and_names_apart(make: Make, image: MadeImage) -> None:
    """An unfinished file of another image is known to be another's."""
    assert make(image).identity == make(image).identity
    assert make(image).identity != make(make_image([1])).identity


@pytest.mark.parametrize("kind", [PositionalFile, SeekingFile])
def test_both_ways_of_random_access_agree(kind: Any, tmp_path: Path) -> None:
    """Systems without positional calls seek under a lock: many threads see and leave the same bytes."""
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    file = kind(fd)
    data = bytes(range(256)) * 400

    def work(place: int) -> None:
        for start in range(place * 100, len(data), 400):
            file.write(start, memoryview(data)[start : start + 100])
            view = memoryview(bytearray(100))
            assert file.readinto(start, view) == 100
            assert view == data[start : start + 100]

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == data


# The tar's own


def test_two_archives_of_one_image_are_equal(image: MadeImage, tmp_path: Path) -> None:
    """`cmp` finds no difference."""
    one, two = make_archive(tmp_path / "one", image), make_archive(tmp_path / "two", image)
    assert one.read_bytes() == two.read_bytes()


def test_the_file_mode_is_the_users(image: MadeImage, tmp_path: Path) -> None:
    """As any program would make it: by the umask."""
    made = make_archive(tmp_path / "out", image)
    (tmp_path / "plain").touch()
    assert made.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.row(46)
def test_an_existing_file_is_not_clobbered(image: MadeImage, tmp_path: Path) -> None:
    """A file that came to the final name meanwhile stays; with overwrite it gives way."""
    path = tmp_path / "out"
    destination = ArchiveFile(path, plan_of(image))
    destination.open()
    fill(destination, image)
    path.write_text("mine")
    with pytest.raises(DiskError, match="is there already"):
        destination.publish()
    assert path.read_text() == "mine"
    again = ArchiveFile(path, plan_of(image))
    again.open()
    assert again.existed
    again.publish(overwrite=True)
    verify(path)


@pytest.mark.parametrize("name", ["out", "out.part"])
@pytest.mark.parametrize("kind", ["symlink", "directory", "pipe"])
@pytest.mark.row(46)
def test_what_is_no_file_is_refused(kind: str, name: str, image: MadeImage, tmp_path: Path) -> None:
    """Neither the name nor the part name is followed, waited for or replaced if it is something else."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    there = tmp_path / name
    if kind == "symlink":
        there.symlink_to(victim)
    elif kind == "directory":
        there.mkdir()
    else:
        os.mkfifo(there)
    destination = ArchiveFile(tmp_path / "out", plan_of(image))
    with pytest.raises(DiskError, match=f"wanted a file at .*/{name}, got a"):
        destination.open()
    destination.close()
    assert victim.read_text() == "mine"
    assert stat.S_IFMT(there.lstat().st_mode) != stat.S_IFREG


def test_a_killed_publish_cannot_spoil_the_finished_file(image: MadeImage, tmp_path: Path) -> None:
    """Between link and unlink both names are one file: the next run leaves the finished one alone."""
    path = make_archive(tmp_path / "out", image)
    before = path.read_bytes()
    os.link(path, tmp_path / "out.part")
    destination = ArchiveFile(path, plan_of(image))
    destination.open()
    assert not destination.existed
    destination.write(destination.blobs[0], 0, memoryview(b"other"))
    destination.close()
    assert path.read_bytes() == before


def test_a_swapped_part_file_is_not_published(image: MadeImage, tmp_path: Path) -> None:
    """What gets the final name is what was proved, not what someone put in its place."""
    destination = ArchiveFile(tmp_path / "out", plan_of(image))
    destination.open()
    fill(destination, image)
    os.replace(make_archive(tmp_path / "other", image), tmp_path / "out.part")
    with pytest.raises(DiskError, match="changed or moved by another program"):
        destination.publish()
    destination.close()
    assert not (tmp_path / "out").exists()


def test_an_unfinished_file_of_another_size_is_made_anew(image: MadeImage, tmp_path: Path) -> None:
    """Its bytes would be in the wrong places."""
    (tmp_path / "out.part").write_bytes(b"x" * 1000)
    destination = ArchiveFile(tmp_path / "out", plan_of(image))
    destination.open()
    assert not destination.existed
    fill(destination, image)
    destination.publish()
    verify(tmp_path / "out")


def test_an_edited_header_is_written_again(image: MadeImage, tmp_path: Path) -> None:
    """All that is no layer is written at each start, so that only layers need their hashes."""
    destination = ArchiveFile(tmp_path / "out", plan_of(image))
    destination.open()
    fill(destination, image)
    destination.close()
    raw = bytearray((tmp_path / "out.part").read_bytes())
    for offset, data in destination.plan.fixed:
        raw[offset : offset + len(data)] = b"Z" * len(data)
    (tmp_path / "out.part").write_bytes(raw)
    again = ArchiveFile(tmp_path / "out", plan_of(image))
    again.open()
    assert again.existed
    again.publish()
    verify(tmp_path / "out", deep=True)


# The directory's own


def put(path: Path, image: MadeImage, name: Reference = NAME) -> LayoutDir:
    destination = LayoutDir(path, content_of(image, name))
    destination.open()
    for blob in destination.blobs:
        if not destination.present(blob):
            destination.write(blob, 0, memoryview(image.blobs[blob.digest]))
    destination.publish()
    return destination


def snapshot(path: Path) -> Dict[str, bytes]:
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


def entries(path: Path) -> Any:
    return json.loads((path / "index.json").read_text())["manifests"]


def test_an_image_is_added_beside_others(image: MadeImage, tmp_path: Path) -> None:
    """Blobs that are there are present and not asked for; the other image's entry stays."""
    path = tmp_path / "layout"
    put(path, image)
    second = LayoutDir(path, content_of(image, Reference.parse("other:1")))
    second.open()
    assert all(second.present(blob) for blob in second.blobs)
    assert all(read_back(second, blob) == image.blobs[blob.digest] for blob in second.blobs)
    second.publish()
    assert [entry["annotations"]["io.containerd.image.name"] for entry in entries(path)] == [
        "ghcr.io/org/app:1.2",
        "docker.io/library/other:1",
    ]
    put(path, make_image([5], seed=5))
    assert [entry["digest"] for entry in entries(path)] == [str(make_image([5], seed=5).digest), str(image.digest)]
    verify(path, deep=True)


def test_a_wrong_blob_is_written_anew(image: MadeImage, tmp_path: Path) -> None:
    """A present blob that fails its hash is replaced at publish, and not before."""
    path = tmp_path / "layout"
    put(path, image)
    blob = image.layers[2]
    file = path / "blobs" / "sha256" / blob.digest.hex
    file.write_bytes(bytes(blob.size))
    destination = LayoutDir(path, content_of(image))
    destination.open()
    assert destination.present(blob)
    destination.write(blob, 0, memoryview(image.blobs[blob.digest]))
    assert not destination.present(blob)
    assert read_back(destination, blob) == image.blobs[blob.digest]
    assert file.read_bytes() == bytes(blob.size)
    destination.publish()
    verify(path)


def test_a_blob_of_another_size_is_not_present(image: MadeImage, tmp_path: Path) -> None:
    """A file's name alone says nothing."""
    path = tmp_path / "layout"
    put(path, image)
    file = path / "blobs" / "sha256" / image.layers[0].digest.hex
    file.write_bytes(b"short")
    put(path, image)
    verify(path)


def test_a_directory_of_other_things_is_refused(image: MadeImage, tmp_path: Path) -> None:
    """And left as it is."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DiskError, match="wanted an OCI layout or an empty directory"):
        LayoutDir(tmp_path, content_of(image)).open()
    with pytest.raises(DiskError, match=r"cannot make .*: Not a directory; choose another place"):
        LayoutDir(tmp_path / "thesis.txt", content_of(image)).open()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["blobs", "blobs/sha256", ".dockferry", "index.json", "oci-layout"])
@pytest.mark.rule(10)
def test_links_in_a_layout_lead_nowhere(name: str, image: MadeImage, tmp_path: Path) -> None:
    """A layout from a stranger cannot make us write or read outside of it."""
    path, outside = tmp_path / "layout", tmp_path / "outside"
    put(path, image)
    if (path / name).exists():
        (path / name).rename(tmp_path / "moved")
    outside.mkdir()
    (path / name).symlink_to(outside)
    with pytest.raises(DiskError):
        LayoutDir(path, content_of(make_image([9]))).open()
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "data"),
    [("index.json", b"[]"), ("index.json", b'{"manifests":{}}'), ("oci-layout", b'{"imageLayoutVersion":"2.0.0"}')],
)
def test_a_broken_layout_is_refused_at_once(name: str, data: bytes, image: MadeImage, tmp_path: Path) -> None:
    """Before the download, and without a change to it."""
    path = tmp_path / "layout"
    put(path, image)
    (path / name).write_bytes(data)
    before = snapshot(path)
    with pytest.raises(ContentError, match=name):
        LayoutDir(path, content_of(make_image([9]))).open()
    assert snapshot(path) == before
