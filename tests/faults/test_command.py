"""The command line through faults, with its own patience."""

from __future__ import annotations

import pytest
from support import faults
from support.command import Command
from support.pulls import IMAGE, NAME, Bench
from support.rude_registry import Ask, Fault, RudeRegistry


@pytest.mark.parametrize(
    "fault", [faults.cut, faults.stalled, faults.ignored_and_cut], ids=lambda fault: fault.__name__
)
def test_the_command_line_gets_there(bench: Bench, dockferry: Command, wanted: bytes, fault: Fault) -> None:
    """The same from the command line, with its own patience: exit 0, the path and nothing else."""
    registry = RudeRegistry(IMAGE, fault)
    server = bench.serve(registry)
    done = dockferry("pull", NAME, "-r", server.url, "-o", "a.tar", "--progress", "none")
    assert (done.code, done.stdout) == (0, "a.tar\n"), done.stderr
    assert (bench.directory / "a.tar").read_bytes() == wanted


def test_the_command_line_gives_up_in_one_line(bench: Bench, dockferry: Command, wanted: bytes) -> None:
    """A redirect that is not followed: exit 5, one line, and state that the next run goes on from."""
    broken = [True]

    def half(ask: Ask) -> None:
        if broken[0] and ask.data == IMAGE.blobs[IMAGE.layers[0].digest]:
            ask.wire.reply(302, b"", [("Location", "file:///etc/passwd")])
        else:
            ask.give()

    registry = RudeRegistry(IMAGE, half)
    server = bench.serve(registry)
    argv = ["pull", NAME, "-r", server.url, "-o", "a.tar", "--progress", "none", "-t", "1"]
    done = dockferry(*argv)
    assert (done.code, done.stdout) == (5, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("dockferry: ")
    broken[0] = False
    assert dockferry(*argv).code == 0
    assert (bench.directory / "a.tar").read_bytes() == wanted
