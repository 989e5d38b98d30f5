"""The programs that people download, built once for a session."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import programs
from support.programs import Program


@pytest.fixture(scope="session")
def built() -> Path:
    """The directory that holds them."""
    programs.build()
    return programs.DIST


@pytest.fixture
def program(request: pytest.FixtureRequest, built: Path, tmp_path: Path) -> Program:
    """The kind that the test asks for by `@pytest.mark.parametrize("program", …, indirect=True)`."""
    return programs.program(request.param, tmp_path)
