"""What the tests of live data share: pointing the clients at the local venues, and reading what was stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.market.server.server import VenueServer
from gex_pipeline.warehouse import open_warehouse

#: Words of the command line -> exit status, standard output, standard error.
Run = Callable[..., tuple[int, str, str]]


def healthy(venues: VenueServer, monkeypatch: pytest.MonkeyPatch, **settings: str) -> VenueServer:
    """The venues without faults or counts of an earlier test, and the settings that lead there."""
    for name, value in {**venues.urls, **settings}.items():
        monkeypatch.setenv(name, value)
    venues.heal()
    venues.requests.clear()
    return venues


def query(place: Path, sql: str) -> pl.DataFrame:
    """Rows of a statement on a warehouse."""
    with open_warehouse(place) as warehouse:
        return warehouse.query(sql)
