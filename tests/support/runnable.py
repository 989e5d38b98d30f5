"""An image that runs: busybox, a user and a script, whose one line of output depends on every layer and setting.

The layers, lowest first: programs; a user and first versions of two files; an empty tar; a second version of one
file and the removal (whiteout) of the other; the empty tar again; a directory; the directory again. One layer is
not compressed.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Dict, Optional, Tuple

from dockferry.oci.digest import Digest
from dockferry.oci.platform import Platform

from .images import Layer, MadeImage, MadeIndex, assemble, make_image, make_index

SETTINGS: Dict[str, object] = {
    "User": "ferry",
    "Env": ["PATH=/bin", "CARGO=salt"],
    "Entrypoint": ["/bin/sh", "/srv/report"],
    "Cmd": ["by", "sea"],
    "WorkingDir": "/srv/hold",
    "Labels": {"org.example.port": "Kiel", "org.example.note": 'ä <&> "quoted"'},
}
OUTPUT = "ferry 4242 in /srv/hold carries salt by sea, second edition\n"
"""What running the image prints: user, working directory, environment, arguments and layer order."""

_REPORT = b"""\
ghost=
[ -e /srv/ghost ] && ghost=" and a ghost"
echo "$(id -un) $(id -u) in $(pwd) carries $CARGO $*, $(cat /srv/edition) edition$ghost"
"""
_ARCHITECTURE = Platform.of_host().architecture


def make_runnable(busybox: Path, *, docker: bool = False, zero_byte_layer: bool = False) -> MadeImage:
    """The image for this machine's architecture. `busybox` is a static busybox.

    `zero_byte_layer` adds a layer of no bytes at all, which engines take for an empty tar.
    """
    layers = _layers(busybox)
    if zero_byte_layer:
        layers = (*layers[:2], (b"", Digest.of(b"")), *layers[2:])
    return assemble(layers, docker=docker, architecture=_ARCHITECTURE, settings=SETTINGS)


def make_runnable_index(busybox: Path, *, docker: bool = False) -> MadeIndex:
    """The runnable image among one for another architecture and, in the OCI form, an attestation."""
    other = "arm64" if _ARCHITECTURE != "arm64" else "amd64"
    elsewhere = make_image([3000], docker=docker, architecture=other)
    return make_index({_ARCHITECTURE: make_runnable(busybox, docker=docker), other: elsewhere})


def _layers(busybox: Path) -> Tuple[Layer, ...]:
    programs = _tar(
        ("bin/", None),
        ("bin/busybox", busybox.read_bytes()),
        *((f"bin/{name}", "busybox") for name in ("sh", "id", "cat")),
    )
    first = _tar(
        ("etc/", None),
        ("etc/passwd", b"root:x:0:0::/:/bin/sh\nferry:x:4242:4242::/srv:/bin/sh\n"),
        ("etc/group", b"root:x:0:\nferry:x:4242:\n"),
        ("srv/", None),
        ("srv/report", _REPORT),
        ("srv/edition", b"first"),
        ("srv/ghost", b"to be removed"),
    )
    second = _tar(("srv/", None), ("srv/.wh.ghost", b""), ("srv/edition", b"second"))
    hold = _tar(("srv/", None), ("srv/hold/", None))
    empty = _zip(_tar())
    return _zip(programs), _zip(first), empty, (second, Digest.of(second)), empty, _zip(hold), _zip(hold)


def _tar(*members: Tuple[str, object]) -> bytes:
    """A tar of directories (None), files (bytes) and symbolic links (str), root's, mode 0755."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, what in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            content: Optional[io.BytesIO] = None
            if what is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(what, str):
                info.type, info.linkname = tarfile.SYMTYPE, what
            elif isinstance(what, bytes):
                info.size, content = len(what), io.BytesIO(what)
            tar.addfile(info, content)
    return out.getvalue()


def _zip(tar: bytes) -> Layer:
    return gzip.compress(tar, 6, mtime=0), Digest.of(tar)
