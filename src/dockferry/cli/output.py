"""Standard output: results only, a line each, and what to do when nobody reads them any more."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import Optional, TextIO, Tuple, Union

from ..errors import DiskError
from ..message import Message
from ..system.pipes import has_no_reader


class OutputClosed(Exception):
    """The reader of standard output has gone (`dockferry tags x | head -1`)."""


def prepare() -> None:
    """Let no character fail: a narrow encoding shows escapes, and a path's undecodable bytes as they are."""
    codecs.register_error("dockferry.narrow", _narrow)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="dockferry.narrow")


def line(text: str) -> None:
    """Write one line of the result at once. Raises OutputClosed, DiskError."""
    _write(f"{text}\n")


def finish() -> None:
    """Write out what argparse may have left in the buffer. Raises OutputClosed, DiskError."""
    _write("")


def _write(text: str) -> None:
    stream: Optional[TextIO] = sys.stdout
    if stream is None:  # started without one: as print does
        return
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        raise _closed(error) from None


def _closed(error: OSError) -> Exception:
    """OutputClosed where that is what `error` says, else DiskError."""
    _forget()
    if not has_no_reader(error):
        return DiskError.of("write", Message("standard output"), error)
    return OutputClosed()


def _narrow(error: UnicodeError) -> Tuple[Union[str, bytes], int]:
    assert isinstance(error, UnicodeEncodeError)
    char = error.object[error.start]
    if "\udc80" <= char <= "\udcff":
        return bytes([ord(char) - 0xDC00]), error.start + 1
    return ascii(char)[1:-1], error.start + 1


def _forget() -> None:
    """Point the descriptor elsewhere, so that the interpreter's last flush does not complain."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
