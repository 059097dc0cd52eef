"""`gex status`: what a monitor is told of snapshots that are old, missing, failed or not built."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from gex_pipeline.commands import look
from gex_pipeline.market.chains import utc
from gex_pipeline.schema import CHAIN
from gex_pipeline.store.partitions import Store
from tests.integration.live import Run
from tests.unit.store.build import chain

LAST = utc("2026-03-05T07:00")
SECOND = timedelta(seconds=1)


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Set the clock of the command."""
    monkeypatch.setattr(look, "clock", lambda: now)


def imported(place: Path, *rows: pl.DataFrame) -> Store:
    """A warehouse of made-up archives."""
    store = Store(place)
    store.create("synthetic")
    for frame in rows:
        store.merge(CHAIN, frame, {})
    return store


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([], id="no-other-snapshot"),
        pytest.param([chain("2026-02-20T00:00", 10, hours=24), chain("2026-03-05T05:00", 2)], id="daily-before"),
        pytest.param([chain("2026-03-01T00:00", 40, hours=1 / 12), chain("2026-03-05T05:00", 2)], id="5min-before"),
    ],
)
def test_hourly_snapshots_are_stale_after_two_hours(
    gex: Run, place: Path, monkeypatch: pytest.MonkeyPatch, history: list[pl.DataFrame]
) -> None:
    """Whatever there was before, and with `levels` of the same mind."""
    imported(place, *history, chain("2026-03-05T07:00", 1))
    for now, is_stale in ((LAST + timedelta(hours=2), False), (LAST + timedelta(hours=2) + SECOND, True)):
        at(monkeypatch, now)
        assert ("binance BTC: stale, last snapshot 2 h ago" in gex("status", "--check")[2]) is is_stale
        assert ("BTC: stale: " in gex("levels", "BTC", "--at", now.isoformat())[2]) is is_stale


def test_the_hours_missing_are_those_that_gaps_lists(gex: Run, place: Path) -> None:
    """A day of a daily archive is no gap; one that it lacks is, as is a single hour of an hourly one."""
    daily = [chain(start, 4, hours=24, venue="okx") for start in ("2026-01-01", "2026-01-06")]
    imported(place, *daily, chain("2026-03-05T00:00", 5), chain("2026-03-05T06:00", 2))
    said = [line.split() for line in gex("status", "--gaps")[1].splitlines()[2:]]
    assert [(words[1], words[6]) for words in said] == [("okx", "47"), ("binance", "1")]
    assert [line.split()[-1] for line in gex("status")[1].splitlines()[2:]] == ["1", "47"]
