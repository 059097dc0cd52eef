"""DVOL as the backtests read it where bars of several lengths are stored: each time by its finest, once."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gex_backtest import data
from gex_backtest.decisions import dvol, every
from gex_backtest.panel import Panel
from gex_pipeline.schema import CANDLES, DVOL
from gex_pipeline.schema.types import polars_schema
from gex_pipeline.store.partitions import Store
from tests.instants import utc
from tests.integration.test_backtest_data import PERP, candles, hours
from tests.unit.store.build import OVER, store

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: 60 days by the day, and of them by the hour from noon of the 20th day to 15:00 of the 30th.
FIRST, DAYS = utc("2025-11-01"), 60
HOURLY, HOURS = FIRST + 19.5 * DAY, 10 * 24 + 3


def index(opens: list[datetime], length: timedelta, close: float, venue: str = "deribit") -> pl.DataFrame:
    """Bars of DVOL whose closes count up from one."""
    n = len(opens)
    closes = [close + i for i in range(n)]
    columns = {
        **{name: [value] * n for name, value in {"venue": venue, "underlying": "BTC", "source": "test"}.items()},
        "interval": [{HOUR: "1h", 4 * HOUR: "4h", DAY: "1d"}[length]] * n,
        "open_at": opens,
        "close_at": [at + length for at in opens],
        **dict.fromkeys(("open", "high", "low", "close"), closes),
    }
    return pl.DataFrame({name: columns[name] for name in DVOL.names}, schema=polars_schema(DVOL))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A long daily series, a short hourly one, and hourly candles; the index by the hour is above 1,000."""
    warehouse = store(tmp_path_factory.mktemp("dvol") / "warehouse", OVER)
    warehouse.merge(CANDLES, candles(PERP, hours(FIRST, 24 * DAYS), 90_000.0), {})
    warehouse.merge(DVOL, index([FIRST + i * DAY for i in range(DAYS)], DAY, 100.0), {})
    warehouse.merge(DVOL, index(hours(HOURLY, HOURS), HOUR, 1_000.0), {})
    return warehouse


def test_a_short_hourly_series_replaces_its_own_days_alone(made: Store) -> None:
    found = data.load(made.root, "BTC")[0].dvol
    by_hour = [(HOURLY + (i + 1) * HOUR, 1_000.0 + i) for i in range(HOURS)]
    # Of the days that the hours begin and end in, too: their daily bars hold hours that count already.
    by_day = [(FIRST + (i + 1) * DAY, 100.0 + i) for i in range(DAYS) if not 19 <= i <= 29]
    assert found.rows() == sorted(by_hour + by_day)


def test_nearly_every_midnight_knows_dvol_though_hours_are_stored_of_a_few_days(made: Store) -> None:
    panel = Panel(data.load(made.root, "BTC")[0])
    is_known = np.isfinite(dvol(panel)[every(panel, 24).rows])
    unknown = (1 + np.flatnonzero(~is_known)).tolist()
    # The second value says how far values lie apart. After the last hour those of days are stale until three of the
    # last five distances are days.
    assert unknown == [1, 2, 30, 31, 32, 33]


@pytest.mark.parametrize("after", [0, 1, 19 * 24, 19 * 24 + 13, 20 * 24, 20 * 24 + 5, 29 * 24 + 14, 30 * 24, 40 * 24])
def test_what_is_stored_later_changes_no_value_that_was_known(made: Store, after: int) -> None:
    end = FIRST + (after + 1) * HOUR
    known, whole = data.load(made.root, "BTC", end=end)[0].dvol, data.load(made.root, "BTC")[0]
    assert known.equals(whole.until(end).dvol)
    assert known.is_empty() == (after < 23)  # a daily bar is known at its close


def test_of_three_lengths_and_two_venues_each_time_is_told_once(tmp_path: Path) -> None:
    """Hours of one venue from 04:00 to 08:00 without 05:00, all of another's; four hours from 00:00, and the day."""
    made = store(tmp_path, OVER)
    made.merge(CANDLES, candles(PERP, hours(FIRST, 48), 90_000.0), {})
    made.merge(DVOL, index([FIRST], DAY, 1.0), {})
    made.merge(DVOL, index([FIRST, FIRST + 4 * HOUR], 4 * HOUR, 10.0), {})
    made.merge(DVOL, index([FIRST + i * HOUR for i in (4, 6, 7)], HOUR, 20.0), {})
    made.merge(DVOL, index([FIRST + i * HOUR for i in (4, 5, 6, 7)], HOUR, 30.0, venue="okx"), {})
    found = data.load(made.root, "BTC")[0].dvol
    told = [((at - FIRST) // HOUR, close) for at, close in found.rows()]
    assert told == [(4, 10.0), (5, 20.0), (6, 31.0), (7, 21.0), (8, 22.0)]
