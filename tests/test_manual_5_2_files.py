"""The manual, section 5.2: `[镜像名称]_layers/[摘要前12位]/layer.tar`, and an archive to load beside it."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

from support.command import Command
from support.manual import ARCHIVE, FIVE, LANGUAGES, Puller, short
from support.rude import RudeServer
from support.rude_registry import Ask, RudeRegistry

TREE = ARCHIVE[: -len(".tar")] + "_layers"


@LANGUAGES
def test_each_layer_has_its_directory(tmp_path: Path, lang: str) -> None:
    """Named by the first 12 digits of its digest, with one file in it: the layer's own tar, unpacked."""
    puller = Puller(tmp_path)
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server, "-t", "3", lang=lang)
    tree = tmp_path / TREE
    directories = sorted(path.name for path in tree.iterdir() if path.is_dir())
    assert directories == sorted(short(FIVE, place) for place in range(5))
    for layer in FIVE.layers:
        directory = tree / layer.digest.hex[:12]
        assert [path.name for path in directory.iterdir()] == ["layer.tar"]
        assert (directory / "layer.tar").read_bytes() == gzip.decompress(FIVE.blobs[layer.digest])
        with tarfile.open(directory / "layer.tar", "r:") as tar:
            assert tar.getmembers()


def test_the_archive_stands_beside_it(tmp_path: Path) -> None:
    """Whole, and proved by its digests down to the unpacked layers."""
    puller = Puller(tmp_path)
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server)
    assert puller.is_whole()
    done = Command(tmp_path)("verify", "--deep", ARCHIVE)
    assert done.code == 0, done.stderr


def test_what_is_unfinished_has_another_name(tmp_path: Path) -> None:
    """A registry that ends the largest layer early, always: neither tree nor archive has its name; the next run makes
    both."""
    puller = Puller(tmp_path)
    largest = max(FIVE.layers, key=lambda layer: layer.size)

    def never_whole(ask: Ask) -> None:
        if len(ask.data) == largest.size:
            ask.wire.close()
        else:
            ask.give()

    with RudeServer(RudeRegistry(FIVE, never_whole)) as server:
        puller.pull(server, "--retries", "2", code=5)
    assert not (tmp_path / TREE).exists()
    assert not (tmp_path / ARCHIVE).exists()
    with RudeServer(RudeRegistry(FIVE)) as server:
        puller.pull(server)
    assert puller.is_whole()
    assert (tmp_path / TREE / largest.digest.hex[:12] / "layer.tar").is_file()
