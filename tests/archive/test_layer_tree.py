"""The layer tree: a directory that is there as a whole or not at all, and never anybody else's."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Dict, List

import pytest
from support.archives import content_of
from support.plain import Packed, all_kinds, gzipped, image_of, tar_of, tree_of

from dockferry.archive.layer_tree import LayerTree
from dockferry.archive.left_over import replaced_tree
from dockferry.archive.plain_form import is_good
from dockferry.archive.tree_files import find_other, is_tree, remove_tree, tree_document
from dockferry.errors import DiskError
from dockferry.oci.digest import Digest
from dockferry.oci.reference import Reference
from dockferry.system import disk

LAYERS = all_kinds(2000)
IMAGE = image_of(LAYERS)
NAME = Reference.parse("ghcr.io/org/app:1.2")


def plain(layers: List[Packed]) -> Dict[Digest, bytes]:
    return {Digest.of(one.data): one.plain for one in layers}


def fill(tree: LayerTree, numbers: List[int], layers: List[Packed] = LAYERS) -> None:
    for number in numbers:
        sink = tree.sink(number)
        sink.write(plain(layers)[tree.layers[number].blob.digest])
        sink.finish()
        sink.discard()


def make(path: Path, layers: List[Packed] = LAYERS) -> LayerTree:
    tree = LayerTree(path, content_of(image_of(layers)))
    tree.open()
    fill(tree, list(range(len(tree.layers))), layers)
    tree.publish()
    return tree


def contents(path: Path) -> Dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file()}


def test_it_has_every_layer_and_both_documents(tmp_path: Path) -> None:
    """`<12 digits>/layer.tar`, unpacked, and the manifest and the config as they were served."""
    tree = make(tmp_path / "a_layers")
    assert sorted(contents(tmp_path / "a_layers").items()) == tree_of(IMAGE, LAYERS)
    assert os.listdir(tmp_path) == ["a_layers"]
    assert tree.holds()
    assert is_good(tree)
    assert is_tree(tree.path)


def test_nothing_has_the_final_name_before_all_is_there(tmp_path: Path) -> None:
    """A layer has its own name when it is right, in a directory that has not."""
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    tree.open()
    sink = tree.sink(0)
    sink.write(b"half")
    name = tree.layers[0].blob.digest.short
    assert os.listdir(tmp_path) == ["a_layers.part"]
    assert os.listdir(tmp_path / "a_layers.part" / name) == ["layer.tar.part"]
    sink.discard()
    assert os.listdir(tmp_path / "a_layers.part" / name) == []


def test_the_next_run_keeps_what_had_finished(tmp_path: Path) -> None:
    """What had not is made anew, and the result is no other."""
    first = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    first.open()
    fill(first, [0, 3])
    first.sink(1).write(b"half of it")
    second = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    second.open()
    assert second.kept == {0, 3}
    assert b"".join(second.stored(3)) == LAYERS[3].plain
    fill(second, [1, 2, 4, 5, 6, 7])
    second.publish()
    assert sorted(contents(second.path).items()) == tree_of(IMAGE, LAYERS)


def test_another_images_unfinished_tree_is_no_use(tmp_path: Path) -> None:
    """It is made anew from nothing."""
    other = LayerTree(tmp_path / "a_layers", content_of(image_of(LAYERS[:2])))
    other.open()
    fill(other, [0])
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    tree.open()
    assert tree.kept == frozenset()
    fill(tree, list(range(len(tree.layers))))
    tree.publish()
    assert sorted(contents(tree.path).items()) == tree_of(IMAGE, LAYERS)


@pytest.mark.parametrize("there", ["other", "more", "link in it"])
def test_what_is_no_tree_is_never_removed(there: str, tmp_path: Path) -> None:
    """Not as what is unfinished, nor by --force: a file that no tree has keeps the whole directory."""
    final = tmp_path / "a_layers"
    if there == "other":
        (final / "photos").mkdir(parents=True)
    else:
        make(final, LAYERS[:1])
        name = LAYERS[0].data and Digest.of(LAYERS[0].data).short
        place = final / name / "notes.txt" if there == "more" else final / "manifest.json.part"
        place.symlink_to(tmp_path) if there == "link in it" else place.write_bytes(b"mine")
    before = contents(final)
    assert find_other(final) is not None
    tree = LayerTree(final, content_of(IMAGE))
    with pytest.raises(DiskError, match=r"is there already and is not a layer tree"):
        tree.refuse_existing(NAME, overwrite=True)
    with pytest.raises(DiskError, match="wanted a layer tree at"):
        remove_tree(final)
    final.rename(tmp_path / "a_layers.part")
    with pytest.raises(DiskError, match="wanted a layer tree at"):
        tree.open()
    assert contents(tmp_path / "a_layers.part") == before


def test_another_tree_is_replaced_when_that_is_asked_for(tmp_path: Path) -> None:
    """Whole by whole; without being asked it stays."""
    final = tmp_path / "a_layers"
    old = make(final, LAYERS[:2])
    tree = LayerTree(final, content_of(IMAGE))
    assert not tree.holds()
    with pytest.raises(DiskError, match=r"is not the layers of ghcr\.io/org/app:1\.2"):
        tree.refuse_existing(NAME, overwrite=False)
    tree.refuse_existing(NAME, overwrite=True)
    tree.open()
    fill(tree, list(range(len(tree.layers))))
    with pytest.raises(DiskError, match="is there already, and stays as it is"):
        tree.publish()
    assert old.holds()
    tree.publish(overwrite=True)
    assert sorted(contents(final).items()) == tree_of(IMAGE, LAYERS)
    remove_tree(replaced_tree(final))
    assert os.listdir(tmp_path) == ["a_layers"]


def test_a_link_to_a_tree_is_no_tree(tmp_path: Path) -> None:
    """What it leads to is somebody's: --force does not remove it, nor does anything else."""
    elsewhere = make(tmp_path / "elsewhere", LAYERS[:2]).path
    before = contents(elsewhere)
    (tmp_path / "a_layers").symlink_to(elsewhere)
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    with pytest.raises(DiskError, match="is there already and is not a layer tree"):
        tree.refuse_existing(NAME, overwrite=True)
    with pytest.raises(DiskError, match="is not a directory"):
        remove_tree(tmp_path / "a_layers")
    assert contents(elsewhere) == before


def test_what_is_half_done_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed run's half of a layer, and a tree that was replaced, are gone before the disk is looked at."""
    seen: List[bool] = []
    killed = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    killed.open()
    fill(killed, [0])
    killed.sink(1).write(b"half of it")
    replaced = make(tmp_path / "b_layers", LAYERS[:2]).path.rename(tmp_path / "a_layers.part.old")
    make(tmp_path / "b_layers", LAYERS[:2]).path.rename(tmp_path / "a_layers")
    half = next((tmp_path / "a_layers.part").rglob("layer.tar.part"))
    monkeypatch.setattr(disk, "check_free", lambda *args: seen.append(half.exists() or replaced.exists()))
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    tree.open()
    assert seen[0] is False
    assert tree.kept == {0}


def test_half_of_another_is_not_followed_to(tmp_path: Path) -> None:
    """Where a layer's directory is a link, nothing is removed behind it."""
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    tree.open()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "layer.tar.part").write_bytes(b"mine")
    directory = tmp_path / "a_layers.part" / tree.layers[0].blob.digest.short
    directory.rmdir()
    directory.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DiskError, match="is not a directory"):
        tree.open()
    assert contents(tmp_path / "elsewhere") == {"layer.tar.part": b"mine"}


def test_a_kill_between_two_renames_loses_nothing(tmp_path: Path) -> None:
    """The old tree stands aside, the new one whole under its unfinished name: the next run ends it, and tidies."""
    final = tmp_path / "a_layers"
    make(final, LAYERS[:2]).path.rename(tmp_path / "a_layers.part.old")
    make(tmp_path / "new").path.rename(tmp_path / "a_layers.part")
    tree = LayerTree(final, content_of(IMAGE))
    tree.open()
    assert tree.kept == set(range(len(tree.layers)))
    tree.publish()
    assert is_good(tree)
    remove_tree(replaced_tree(final))
    assert os.listdir(tmp_path) == ["a_layers"]


def test_a_file_in_the_way_stays(tmp_path: Path) -> None:
    """Under either name."""
    for name in ("a_layers", "b_layers.part"):
        (tmp_path / name).write_bytes(b"mine")
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    for overwrite in (False, True):
        with pytest.raises(DiskError, match="is there already"):
            tree.refuse_existing(NAME, overwrite)
    tree.open()
    fill(tree, list(range(len(tree.layers))))
    with pytest.raises(DiskError, match="is there already, and stays as it is"):
        tree.publish()
    with pytest.raises(DiskError, match=r"is not a directory|Not a directory"):
        LayerTree(tmp_path / "b_layers", content_of(IMAGE)).open()
    assert (tmp_path / "a_layers").read_bytes() == (tmp_path / "b_layers.part").read_bytes() == b"mine"


@pytest.mark.parametrize("place", ["a_layers.part", "a_layers.part/DIGITS", "a_layers.part/manifest.json"])
def test_a_link_leads_nowhere(place: str, tmp_path: Path) -> None:
    """What stands in the place of ours, and leads elsewhere, is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_bytes(b"mine")
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    link = tmp_path / place.replace("DIGITS", tree.layers[0].blob.digest.short)
    if link.parent != tmp_path:
        tree.open()
        link.rmdir() if link.is_dir() else link.unlink()
    link.symlink_to(elsewhere / "file" if place.endswith("json") else elsewhere)
    with pytest.raises(DiskError):
        LayerTree(tmp_path / "a_layers", content_of(IMAGE)).open()
    assert contents(elsewhere) == {"file": b"mine"}


def test_a_damaged_tree_is_found(tmp_path: Path) -> None:
    """Only by reading it: without that its documents say whose it is, and that every layer is there."""
    tree = make(tmp_path / "a_layers")
    layer = tmp_path / "a_layers" / tree.layers[1].blob.digest.short / "layer.tar"
    data = bytearray(layer.read_bytes())
    data[700] ^= 1
    layer.write_bytes(data)
    assert tree.holds()
    assert not is_good(tree)
    layer.unlink()
    assert not tree.holds()
    assert not is_good(tree)


def test_documents_at_hand_are_given(tmp_path: Path) -> None:
    """By their digest; nothing else, and nothing larger than is asked for."""
    tree = make(tmp_path / "a_layers")
    config = IMAGE.blobs[IMAGE.config.digest]
    assert tree_document(tree.path, IMAGE.config.digest, 1 << 20) == config
    assert tree_document(tree.path, IMAGE.digest, 1 << 20) == IMAGE.manifest
    assert tree_document(tree.path, IMAGE.digest, len(IMAGE.manifest) - 1) is None
    assert tree_document(tree.path, Digest.of(b"other"), 1 << 20) is None
    assert tree_document(tmp_path / "none", IMAGE.digest, 1 << 20) is None


def test_a_full_disk_is_told_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least the packed size has to be free, besides what else is to come; what had finished does not count."""
    asked: List[int] = []
    monkeypatch.setattr(disk, "check_free", lambda directory, needed: asked.append(needed))
    layers = [gzipped(tar_of("a", 5000)), gzipped(tar_of("b", 9000))]
    tree = LayerTree(tmp_path / "a_layers", content_of(image_of(layers)))
    tree.open(beside=7)
    assert asked[0] == 7 + len(layers[0].data) + len(layers[1].data)
    fill(tree, [1], layers)
    asked.clear()
    LayerTree(tmp_path / "a_layers", content_of(image_of(layers))).open()
    assert asked[0] == len(layers[0].data)


def test_a_full_disk_while_unpacking_is_a_disk_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do, and what had come before is kept."""
    tree = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    tree.open()
    fill(tree, [0])
    sink = tree.sink(1)
    monkeypatch.setattr(os, "pwrite", lambda *args: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(DiskError, match=r"No space left.*what was downloaded is kept"):
        sink.write(b"x")
    sink.discard()
    monkeypatch.undo()
    again = LayerTree(tmp_path / "a_layers", content_of(IMAGE))
    again.open()
    assert again.kept == {0}
