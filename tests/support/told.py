"""Events as a pull tells them, for presenters."""

from __future__ import annotations

from typing import Optional, Tuple

from dockferry.events import BlobProgress, Finished, Progress, SourceReport

DIGEST = "sha256:a3ed95caeb02" + 52 * "0"


def blob(done: int = 400, size: int = 1000, *, hashed: Optional[int] = None, digest: str = DIGEST) -> BlobProgress:
    return BlobProgress(digest, size, done, done if hashed is None else hashed, 8_310_000.0, 137.0, 340.0)


def progress(
    done: int = 400,
    size: int = 1000,
    *,
    hashed: Optional[int] = None,
    layers_done: int = 0,
    layers: int = 5,
    elapsed: float = 1.0,
    active: Tuple[BlobProgress, ...] = (),
) -> Progress:
    return Progress(
        elapsed=elapsed,
        layers_done=layers_done,
        layers=layers,
        done=done,
        hashed=done if hashed is None else hashed,
        size=size,
        received=done,
        speed=8_310_000.0,
        remaining=340.0,
        connections=5,
        active=active,
    )


def finished(*, fresh: bool = True, target: str = "nginx_latest_amd64.tar") -> Finished:
    return Finished(
        image="docker.io/library/nginx:latest",
        target=target,
        digest=DIGEST,
        size=72_300_000,
        elapsed=12.0,
        received=72_300_000,
        speed=6_025_000.0,
        source="docker.1ms.run",
        fresh=fresh,
        load=f"docker load -i {target}",
    )


def reports() -> Tuple[SourceReport, SourceReport]:
    """A good source, and one that did all that a source should not."""
    return (
        SourceReport("a.example", 80_000_000, 0.8, 8_000_000.0, 0, 0, 0, False),
        SourceReport("b.example", 20_000_000, 0.2, 2_000_000.0, 2, 1, 1, True),
    )
