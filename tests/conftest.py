"""Fixtures of the whole suite: a clean environment, repeatable property tests, the folder of real market data."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# The same examples in every run; no deadline, as shared machines are slow at times.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# Containers often forbid bytecode: each of hundreds of processes would compile the package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Nothing waits for the disk: what a power cut would lose is of no interest here.
os.fsync = lambda _: None


@pytest.fixture(autouse=True)
def _no_settings_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests see none of the reader's own ``GEX_`` variables; what asks for the real data has read them before."""
    for name in [name for name in os.environ if name.startswith("GEX_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real market data, named by GEX_REAL_DATA; a test that needs it is skipped where there is none."""
    folder = Path(os.environ.get("GEX_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real market data: GEX_REAL_DATA does not name a folder")
    return folder
