"""`dockferry demo` on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockferry.cli import parser
from dockferry.cli.main import main


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("90MB", 90_000_000), ("500kB", 500_000), ("2m", 2_000_000), ("1GB", 10**9)]
)
def test_sizes_with_units(text: str, size: int) -> None:
    """Sizes and rates are bytes, with a decimal unit or none."""
    args = parser.parse(["demo", "--size", text, "--rate", text])
    assert (args.size, args.rate) == (size, size)


@pytest.mark.parametrize("text", ["0", "-5", "", "MB", "1.5MB", "2GB", "1e6", "٣", "9" * 40])
def test_sizes_that_cannot_be(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is wrong usage, in one line, before anything is made."""
    assert main(["demo", f"--size={text}"]) == 2
    assert "--size: wanted a number of bytes like 90MB" in capsys.readouterr().err


def test_demo_runs_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command does all of it and exits with 0, whatever the user has settled for pulls."""
    (tmp_path / "wrong.toml").write_text("retrys = 1")
    monkeypatch.setenv("DOCKFERRY_CONFIG", str(tmp_path / "wrong.toml"))
    monkeypatch.setenv("DOCKFERRY_THREADS", "nonsense")
    assert main(["demo", "-o", str(tmp_path), "--size", "4MB", "--rate", "400kB"]) == 0
    assert (tmp_path / "dockferry-demo.tar").stat().st_size > 4_000_000
    assert "Verify every digest" in capsys.readouterr().out
