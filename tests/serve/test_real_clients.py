"""Real clients pull from the registry."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.images import make_image
from support.served import store_of

from dockferry.serve import serve


@pytest.mark.real
@pytest.mark.parametrize("docker", [False, True])
def test_skopeo_copies_an_image(tmp_path: Path, docker: bool) -> None:
    """skopeo lists the tags and copies the image; every blob that it wrote is the one that was served."""
    image = make_image([200_000, 1_000], docker=docker)
    with serve(store_of(image, "demo/app", "1.0", "1.1")) as running:
        name = f"docker://{running.host}/demo/app"
        listed = subprocess.run(
            ["skopeo", "list-tags", "--tls-verify=false", name], check=True, capture_output=True, timeout=60
        )
        assert json.loads(listed.stdout)["Tags"] == ["1.0", "1.1"]
        copy = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", f"{name}:1.0", f"dir:{tmp_path / 'copy'}"]
        subprocess.run(copy, check=True, capture_output=True, timeout=60)
    for digest, data in image.blobs.items():
        assert (tmp_path / "copy" / digest.hex).read_bytes() == data
    assert (tmp_path / "copy" / "manifest.json").read_bytes() == image.manifest
