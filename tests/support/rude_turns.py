"""How drawn turns go over a socket: what registries, caches and broken links send for a blob."""

from __future__ import annotations

from typing import Callable, Dict

from .drawn import LEAST, Turn
from .rude_registry import Ask

Play = Callable[[Ask, float], None]


def _cut(ask: Ask, share: float) -> None:
    ask.cut(share)


def _reset(ask: Ask, share: float) -> None:
    ask.give(share)
    ask.wire.reset()


def _silent(ask: Ask, share: float) -> None:
    ask.give(min(share, 0.9))
    ask.wire.stall()


def _short(ask: Ask, share: float) -> None:
    """A 206 that carries less than was asked for, and says so."""
    start, end = ask.span
    last = start + max(1, int((end - start) * share))
    span = f"bytes {start}-{last - 1}/{len(ask.data)}"
    if ask.request.range:
        ask.wire.head(206, [("Content-Range", span), ("Content-Length", str(last - start))])
        ask.send(ask.data[start:last])
    else:
        ask.give()


def _shifted(ask: Ask, share: float) -> None:
    start, end = ask.span
    ask.give(claim=f"bytes {start + 1}-{end}/{len(ask.data)}")


def _chunked(ask: Ask, share: float) -> None:
    start, end = ask.span
    fields = [("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}")] if ask.request.range else []
    ask.wire.chunks(206 if fields else 200, [ask.data[start:end]], fields)


def _chunked_cut(ask: Ask, share: float) -> None:
    ask.wire.head(200, [("Transfer-Encoding", "chunked")])
    ask.wire.send(b"%x\r\n" % len(ask.data) + ask.data[: int(len(ask.data) * share)])
    ask.wire.close()


def _endless(ask: Ask, share: float) -> None:
    """No length, more bytes than there are, until the connection is closed."""
    ask.wire.head(200, [("Connection", "close")])
    ask.send(ask.data + b"more" * 1000)
    ask.wire.close()


def _multipart(ask: Ask, share: float) -> None:
    body = b"--x\r\nContent-Range: bytes 0-3/9\r\n\r\nabcd\r\n--x--\r\n"
    ask.wire.reply(206, body, [("Content-Type", "multipart/byteranges; boundary=x")])


def _status(status: int, *fields: object) -> Play:
    return lambda ask, share: ask.wire.reply(status, b"<html>no</html>", list(fields))  # type: ignore[arg-type]


def _retry_after(status: int) -> Play:
    return lambda ask, share: ask.wire.reply(status, b"", [("Retry-After", "0" if share < 0.5 else "880.092µs")])


PLAYS: Dict[str, Play] = {
    "honest": lambda ask, share: ask.give(),
    "cut": _cut,
    "reset": _reset,
    "silent": _silent,
    "short": _short,
    "closed": lambda ask, share: ask.wire.close(),
    "garbage": lambda ask, share: (ask.wire.send(b"\x00\x01SSH-2.0\r\n\r\n"), ask.wire.close())[1],
    "chunked": _chunked,
    "429": _retry_after(429),
    "503": _retry_after(503),
    "500": _status(500),
    "shifted": _shifted,
    "400": lambda ask, share: ask.wire.reply(400) if ask.request.range else ask.give(),
    "416": lambda ask, share: ask.wire.reply(416) if ask.request.range else ask.give(),
    "multipart": _multipart,
    "whole": lambda ask, share: ask.give(ranged=False),
    "whole, cut": lambda ask, share: ask.cut(share, ranged=False),
    "chunked, cut": _chunked_cut,
    "endless": _endless,
    "two lengths": lambda ask, share: ask.wire.head(200, [("Content-Length", "5"), ("Content-Length", "6")]),
    "page": lambda ask, share: ask.wire.reply(200, b"<html>sign in</html>", [("Content-Type", "text/html")]),
    "gzip": lambda ask, share: ask.give(fields=[("Content-Encoding", "gzip")]),
    "round": lambda ask, share: ask.wire.reply(307, b"", [("Location", ask.request.target)]),
    "to a file": _status(302, ("Location", "file:///etc/passwd")),
    "401": _status(401),
    "403": _status(403),
    "404": _status(404),
    "wrong bit": lambda ask, share: ask.give(flip=True),
}
REFUSALS = ("401", "403", "404", "to a file", "round", "page", "gzip", "two lengths")
"""What a source may not be asked for again, or will never give."""
LIES = ("wrong bit",)


def play(turn: Turn, ask: Ask) -> None:
    """Answer `ask` as `turn` says; what gives anything gives LEAST bytes: in smaller steps a blob has no end."""
    start, end = ask.span
    least = min(1.0, LEAST / max(1, end - start)) if turn.share or turn.kind == "short" else 0.0
    PLAYS[turn.kind](ask, max(turn.share, least))
