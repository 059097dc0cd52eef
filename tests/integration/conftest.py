"""Fixtures of the live tests: a warehouse folder, and `gex` run in this process on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gex_pipeline import cli
from tests.integration.live import Run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the warehouse of a test is."""
    return tmp_path / "warehouse"


@pytest.fixture
def gex(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line; exit status, standard output, standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        status = cli.main([*words, "--warehouse", str(place)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run
