"""Faults: the ways in which a request for a blob goes wrong. Each is given one `Ask`."""

from __future__ import annotations

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
