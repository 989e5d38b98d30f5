"""Faults: the ways in which a request for a blob goes wrong. Each is given one `Ask`."""

from __future__ import annotations

import contextlib
import gzip

from .rude import Wire
from .rude_registry import Ask


def ignored_and_cut(ask: Ask) -> None:
    ask.cut(0.6, ranged=False) if ask.chance(0.5) else ask.give(ranged=False)


def ignored_now_and_then(ask: Ask) -> None:
    ask.cut(0.5, ranged=ask.chance(0.4, 1)) if ask.chance(0.5) else ask.give(ranged=ask.chance(0.4, 1))


def refused_400(ask: Ask) -> None:
    if ask.request.range:
        ask.wire.reply(400)
    else:
        ignored_and_cut(ask)


def refused_416(ask: Ask) -> None:
    if ask.request.range:
        ask.wire.reply(416, b"", [("Content-Range", f"bytes */{len(ask.data)}")])
    else:
        ignored_and_cut(ask)


def wrong_content_range(ask: Ask) -> None:
    if ask.request.range and ask.chance(0.5, 1):
        start, end = ask.span
        ask.give(claim=f"bytes {start + 1}-{end}/{len(ask.data)}")
    else:
        cut(ask)


def always_wrong_content_range(ask: Ask) -> None:
    start, end = ask.span
    if ask.request.range:
        ask.give(claim=f"bytes {start + 1}-{end}/{len(ask.data)}")
    else:
        ask.cut(0.6) if ask.chance(0.5) else ask.give()


def less_than_asked(ask: Ask) -> None:
    start, end = ask.span
    end = min(end, start + 300_000)
    fields = [("Content-Length", str(end - start)), ("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}")]
    if ask.request.range:
        ask.wire.head(206, fields)
        ask.send(ask.data[start:end])
    else:
        ask.give()


def cut(ask: Ask) -> None:
    ask.cut(0.6) if ask.chance(0.5) else ask.give()


def reset(ask: Ask) -> None:
    if ask.chance(0.3):
        ask.give(0.5)
        ask.wire.reset()
    else:
        ask.give()


def reset_before_answer(ask: Ask) -> None:
    ask.wire.reset() if ask.chance(0.3) else ask.give()


def stalled(ask: Ask) -> None:
    if ask.chance(0.3):
        ask.give(0.5)
        ask.wire.stall()
    else:
        ask.give()


def busy_now_and_then(ask: Ask) -> None:
    ask.wire.reply(503) if ask.chance(0.4) else ask.give()


def busy_burst(ask: Ask) -> None:
    ask.wire.reply(502 + ask.number % 3) if 1 < ask.number < 6 else ask.give()


def closing(ask: Ask) -> None:
    ask.give(fields=[("Connection", "close")])
    ask.wire.close()


def closes_silently(ask: Ask) -> None:
    ask.give()
    ask.wire.close()


def without_length(ask: Ask) -> None:
    start, end = ask.span
    fields = [("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}")] if ask.request.range else []
    status = 206 if ask.request.range else 200
    if ask.chance(0.5):
        ask.wire.head(status, [*fields, ("Transfer-Encoding", "chunked")])
        stop = end if ask.chance(0.6, 1) else (start + end) // 2
        for place in range(start, stop, 50_000):
            part = ask.data[place : min(place + 50_000, stop)]
            ask.wire.send(b"%x\r\n" % len(part))
            ask.send(part)
            ask.wire.send(b"\r\n")
        if stop == end:
            ask.wire.send(b"0\r\n\r\n")
            return
    else:
        ask.wire.head(status, [*fields, ("Connection", "close")])
        ask.send(ask.data[start : end if ask.chance(0.6, 1) else (start + end) // 2])
    ask.wire.close()


def wrong_bit(ask: Ask) -> None:
    ask.give(flip=ask.chance(0.3))


def multipart(ask: Ask) -> None:
    """The range, as one part of several."""
    if not ask.request.range:
        cut(ask)
        return
    start, end = ask.span
    head = f"--B\r\nContent-Type: text/plain\r\nContent-Range: bytes {start}-{end - 1}/{len(ask.data)}\r\n\r\n"
    body = head.encode() + ask.data[start:end] + b"\r\n--B--\r\n"
    kind = "multipart/byteranges; boundary=B"
    ask.wire.head(206, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    ask.send(body)


def shifted(ask: Ask) -> None:
    """The right header, and in every fifth reply to a range the bytes that stand beside."""
    start, end = ask.span
    if ask.request.range and ask.chance(0.2) and end < len(ask.data):
        told = f"bytes {start}-{end - 1}/{len(ask.data)}"
        ask.wire.head(206, [("Content-Length", str(end - start)), ("Content-Range", told)])
        ask.send(ask.data[start + 1 : end + 1])
    else:
        cut(ask)


def two_lengths(ask: Ask) -> None:
    """A head that can be read in two ways."""
    if ask.chance(0.3):
        start, end = ask.span
        second = -1 if ask.chance(0.5, 1) else end - start + 1
        lengths = [("Content-Length", str(end - start))] if second > 0 else []
        ask.wire.head(200, [*lengths, ("Content-Length", str(second))])
        ask.wire.send(ask.data[start:end])
        ask.wire.close()
    else:
        ask.give()


def more_than_asked(ask: Ask) -> None:
    """The bytes, and 50 kB that are no one's, in chunks or until the end of the connection."""
    start, end = ask.span
    ranged = [("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}")] if ask.request.range else []
    body = ask.data[start:end] + bytes(50_000)
    if ask.chance(0.5):
        ask.wire.chunks(206 if ranged else 200, [body[:70_000], body[70_000:]] if body[70_000:] else [body], ranged)
    else:
        ask.wire.head(206 if ranged else 200, [*ranged, ("Connection", "close")])
        ask.wire.send(body)
        ask.wire.close()


def compressed(ask: Ask) -> None:
    """Packed once more, which nobody asked for."""
    if ask.chance(0.3):
        ask.wire.reply(200, gzip.compress(ask.data), [("Content-Encoding", "gzip")])
    else:
        ask.give()


def late(ask: Ask) -> None:
    """A cache that fetches from its upstream first."""
    ask.registry.ending.wait(1.0)
    ask.give()


def _for_ever(wire: Wire, part: bytes, pause: float = 0.0) -> None:
    """`part` again and again, until the client has gone."""
    with contextlib.suppress(OSError):
        while not wire.is_ending(pause):
            wire.send(part)


def dripped_head(ask: Ask) -> None:
    """A head without end, a byte now and then: no receive ever times out."""
    ask.wire.send(b"HTTP/1.1 200 OK\r\nX: ")
    _for_ever(ask.wire, b"x", 0.02)


def interim_replies(ask: Ask) -> None:
    """One 100 after another."""
    _for_ever(ask.wire, b"HTTP/1.1 100 Continue\r\n\r\n", 0.001)


def endless_trailers(ask: Ask) -> None:
    """The bytes in one chunk, and behind the last chunk fields without end."""
    start, end = ask.span
    ranged = [("Content-Range", f"bytes {start}-{end - 1}/{len(ask.data)}")] if ask.request.range else []
    ask.wire.head(206 if ranged else 200, [*ranged, ("Transfer-Encoding", "chunked")])
    ask.wire.send(b"%x\r\n" % (end - start))
    ask.send(ask.data[start:end])
    ask.wire.send(b"\r\n0\r\n")
    _for_ever(ask.wire, b"X: x\r\n", 0.001)


def dripped_chunk(ask: Ask) -> None:
    """In chunks, the first of which has a size without end."""
    ask.wire.head(200, [("Transfer-Encoding", "chunked")])
    _for_ever(ask.wire, b"0", 0.02)
