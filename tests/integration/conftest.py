"""Fixtures of the live tests: the local venues, a warehouse folder, and `gex` run in this process on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina

from gex_pipeline import cli
from gex_pipeline.market.server.server import VenueServer, serve
from tests.integration.live import Run


@pytest.fixture(autouse=True)
def _no_waits_between_attempts() -> Iterator[None]:
    """What failed is tried as often as ever, but at once; how long a session waits is tested with it."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture(scope="module")
def venues() -> Iterator[VenueServer]:
    """The local venues with the real time, of one file of tests; see :func:`live.healthy`."""
    with serve() as made:
        yield made


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
